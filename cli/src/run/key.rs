//! `countersign key …`

use countersign_domain::engine::EngineId;
use countersign_domain::ids::KeyId;
use countersign_domain::intent::Action;
use countersign_domain::quorum::Quorum;
use countersign_domain::roster::Roster;
use serde_json::Value;

use crate::args::{AuthArgs, KeyCommand, ServerArgs};
use crate::client::verify::{self, Expected, VerifiedKey};
use crate::client::{AuthFile, Requester, Server};
use crate::failure::{Failure, Outcome};
use crate::output;

pub(super) fn run(command: &KeyCommand, json: bool) -> Outcome {
    match command {
        KeyCommand::Create {
            threshold,
            parties,
            engine,
            wait,
            roster,
            auth,
            server,
        } => {
            // Nothing is started that could not be verified afterwards.
            let roster = verify::roster(&roster.roster)?;
            let requester = requester(auth, server)?;
            let quorum = quorum(&requester, *threshold, *parties)?;
            let made = create(
                &requester,
                &roster,
                *engine,
                quorum,
                wait.wait,
                wait.request_id.as_deref(),
            )?;
            output::either(json, &made.document, |document| {
                created(document, &made.verified)
            })
        }
        KeyCommand::List { auth, server } => {
            let auth = AuthFile::open(auth)?;
            let server = Server::new(server);
            let keys = all(&server, &format!("/v1/accounts/{}/keys", auth.account))?;
            output::either(json, &Value::Array(keys), listed)
        }
        KeyCommand::Show { key, server } => {
            let document = Server::new(server).get(&format!("/v1/keys/{key}"))?;
            output::either(json, &document, shown)
        }
        KeyCommand::Freeze { key, auth, server } => change(
            *key,
            Action::Freeze { key: *key },
            "freeze",
            auth,
            server,
            json,
        ),
        KeyCommand::Unfreeze { key, auth, server } => change(
            *key,
            Action::Unfreeze { key: *key },
            "unfreeze",
            auth,
            server,
            json,
        ),
    }
}

/// A key that was asked for: the answer, and the key if the wait was long enough.
pub(super) struct Made {
    pub(super) document: Value,
    pub(super) verified: Option<VerifiedKey>,
}

/// Generates a key and verifies every receipt.
pub(super) fn create(
    requester: &Requester,
    roster: &Roster,
    engine: EngineId,
    quorum: Quorum,
    wait: u32,
    jti: Option<&str>,
) -> Outcome<Made> {
    let intent = requester.intent(Action::CreateKey { engine, quorum }, jti)?;
    let label = format!("generating a {quorum} key");
    let document = requester.await_session(&requester.key_path(), &intent, wait, &label)?;
    let expected = Expected {
        key: KeyId::of(intent.session),
        account: requester.auth.account,
        auth_key: requester.auth.signer.public().thumbprint(),
        quorum: Some(quorum),
    };
    let verified = (document["status"] == "completed")
        .then(|| verify::key(&document, roster, &expected))
        .transpose()?;
    Ok(Made { document, verified })
}

pub(super) fn requester(auth: &AuthArgs, server: &ServerArgs) -> Outcome<Requester> {
    Ok(Requester {
        auth: AuthFile::open(auth)?,
        server: Server::new(server),
    })
}

/// The quorum asked for, completed by the account's default.
fn quorum(requester: &Requester, threshold: Option<u8>, parties: Option<u8>) -> Outcome<Quorum> {
    let (threshold, parties) = match (threshold, parties) {
        (Some(threshold), Some(parties)) => (threshold, parties),
        (threshold, parties) => {
            let path = format!("/v1/accounts/{}", requester.auth.account);
            let account = requester.server.get(&path)?;
            let default = |name: &str| {
                account[name]
                    .as_u64()
                    .and_then(|n| u8::try_from(n).ok())
                    .ok_or_else(|| Failure::internal(format!("the account has no {name}")))
            };
            (
                threshold.map_or_else(|| default("threshold"), Ok)?,
                parties.map_or_else(|| default("parties"), Ok)?,
            )
        }
    };
    Quorum::new(threshold, parties).map_err(Failure::usage)
}

fn change(
    key: KeyId,
    action: Action,
    verb: &str,
    auth: &AuthArgs,
    server: &ServerArgs,
    json: bool,
) -> Outcome {
    let answer = requester(auth, server)?.send(&format!("/v1/keys/{key}/{verb}"), action)?;
    output::either(json, &answer, |answer| {
        output::fields(answer, &["key_id", "status"])
    })
}

/// All pages of a collection.
pub(super) fn all(server: &Server, path: &str) -> Outcome<Vec<Value>> {
    let mut items = vec![];
    let mut query = "?limit=100".to_owned();
    loop {
        let page = server.get(&format!("{path}{query}"))?;
        items.extend(page["items"].as_array().into_iter().flatten().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("?limit=100&cursor={cursor}"),
            None => return Ok(items),
        }
    }
}

fn created(document: &Value, verified: &Option<VerifiedKey>) -> String {
    let Some(key) = verified else {
        return format!(
            "{}\n\nStill at work. Follow it with: countersign session show --follow {}",
            output::fields(document, &["session_id", "key_id", "status"]),
            output::plain(&document["session_id"])
        );
    };
    let parties: Vec<_> = key
        .members
        .iter()
        .map(|m| m.identity.party.to_string())
        .collect();
    format!(
        "{}\n\nVerified: the receipts of {} agree, under your own roster.\nNext: countersign sign \
         --key {} --message hello",
        output::fields(
            document,
            &[
                "key_id",
                "engine",
                "threshold",
                "parties",
                "public_key",
                "ethereum_address"
            ]
        ),
        parties.join(", "),
        key.statement.key,
    )
}

fn listed(keys: &Value) -> String {
    let rows: Vec<_> = keys
        .as_array()
        .into_iter()
        .flatten()
        .map(|key| {
            vec![
                output::plain(&key["key_id"]),
                output::plain(&key["status"]),
                format!("{}-of-{}", key["threshold"], key["parties"]),
                output::plain(&key["engine"]),
                key["ethereum_address"].as_str().unwrap_or("-").to_owned(),
            ]
        })
        .collect();
    if rows.is_empty() {
        return "no keys yet: countersign key create makes one".to_owned();
    }
    output::table(&["KEY", "STATUS", "QUORUM", "ENGINE", "ADDRESS"], &rows)
}

fn shown(key: &Value) -> String {
    let mut text = output::fields(
        key,
        &[
            "key_id",
            "account_id",
            "status",
            "engine",
            "threshold",
            "parties",
            "epoch",
            "public_key",
            "chain_code",
            "ethereum_address",
            "created_at",
        ],
    );
    for member in key["members"].as_array().into_iter().flatten() {
        text.push_str(&format!(
            "\nshare {}  {}",
            member["index"],
            output::plain(&member["party"])
        ));
    }
    text
}
