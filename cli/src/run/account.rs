//! `countersign account …`

use countersign_domain::intent::Action;
use countersign_domain::quorum::Quorum;
use serde_json::Value;

use crate::args::{AccountCommand, AuthArgs, ServerArgs};
use crate::client::{AuthFile, Requester, Server};
use crate::failure::{Failure, Outcome};
use crate::output;

pub(super) fn run(command: &AccountCommand, json: bool) -> Outcome {
    match command {
        AccountCommand::Create { .. } => create(command, json),
        AccountCommand::Show { auth, server } => {
            let auth = AuthFile::open(auth)?;
            let account = Server::new(server).get(&format!("/v1/accounts/{}", auth.account))?;
            output::either(json, &account, shown)
        }
        AccountCommand::Suspend { auth, server } => {
            change(auth, server, Action::Suspend, "suspend", json)
        }
        AccountCommand::Reactivate { auth, server } => {
            change(auth, server, Action::Reactivate, "reactivate", json)
        }
        AccountCommand::Erase { yes, auth, server } => {
            if !yes {
                return Err(Failure::usage(
                    "this destroys the account's personal data for good and closes it: its keys \
                     sign nothing any more; pass --yes to go on",
                ));
            }
            change(auth, server, Action::Erase, "erase", json)
        }
    }
}

fn create(command: &AccountCommand, json: bool) -> Outcome {
    let AccountCommand::Create {
        username,
        email,
        threshold,
        parties,
        key_type,
        auth,
        server,
    } = command
    else {
        return Ok(());
    };
    let quorum = Quorum::new(*threshold, *parties).map_err(Failure::usage)?;
    let path = &auth.auth_key;
    let made = !path.exists();
    let file = if made {
        AuthFile::create(path, key_type, None)?
    } else {
        AuthFile::open(auth)?
    };
    let action = Action::Register {
        username: username.clone(),
        email: email.clone(),
        auth_key: file.signer.public(),
        quorum,
    };
    let requester = Requester {
        auth: file,
        server: Server::new(server),
    };
    // The same registration again is the same request; another one by the same
    // auth key is told that there is an account. Nobody can read names off it.
    let name = format!("register {username} {email} {quorum}");
    let jti = format!("register-{}", requester.auth.signer.name_of(&name));
    let result = requester
        .intent(action, Some(&jti))
        .and_then(|intent| requester.server.command("/v1/accounts", &intent.token, 0));
    let mut answer = match result {
        Ok(answer) => answer,
        Err(failure) => {
            // A refused registration leaves no key file behind; after an answer
            // that never came the account may exist, so its key stays.
            if made
                && matches!(
                    failure.kind,
                    crate::failure::Kind::Refused | crate::failure::Kind::Usage
                )
            {
                let _ = std::fs::remove_file(path);
            }
            return Err(failure);
        }
    };
    answer["auth_key_file"] = path.display().to_string().into();
    output::either(json, &answer, |answer| {
        let fields = output::fields(
            answer,
            &["account_id", "username", "status", "auth_key_file"],
        );
        format!(
            "{fields}\n\nKeep {} safe: it speaks for this account.\nNext: countersign key create",
            path.display()
        )
    })
}

fn change(auth: &AuthArgs, server: &ServerArgs, action: Action, verb: &str, json: bool) -> Outcome {
    let requester = Requester {
        auth: AuthFile::open(auth)?,
        server: Server::new(server),
    };
    let path = format!("/v1/accounts/{}/{verb}", requester.auth.account);
    let answer = requester.send(&path, action)?;
    output::either(json, &answer, |answer| {
        output::fields(answer, &["account_id", "status"])
    })
}

fn shown(account: &Value) -> String {
    output::fields(
        account,
        &[
            "account_id",
            "username",
            "email",
            "status",
            "erased",
            "threshold",
            "parties",
            "created_at",
        ],
    )
}
