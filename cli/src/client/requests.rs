//! Making and sending intents.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_domain::ids::{KeyId, SessionId};
use countersign_domain::intent::{Action, Intent};
use serde_json::Value;

use super::{AuthFile, Server};
use crate::clock::{entropy, now};
use crate::failure::{Failure, Outcome};

/// How long an intent is valid.
const LIFETIME: chrono::Duration = chrono::Duration::minutes(10);

/// An account that asks a server.
#[derive(Debug)]
pub(crate) struct Requester {
    pub(crate) auth: AuthFile,
    pub(crate) server: Server,
}

/// An intent, signed.
#[derive(Debug, Clone)]
pub(crate) struct SignedIntent {
    pub(crate) token: String,
    /// The session that it starts, if it starts one.
    pub(crate) session: SessionId,
}

impl Requester {
    /// Signs an intent; `jti` names the request, a random one unless given.
    pub(crate) fn intent(&self, action: Action, jti: Option<&str>) -> Outcome<SignedIntent> {
        let jti = jti.map_or_else(
            || URL_SAFE_NO_PAD.encode(entropy::<16>()),
            ToOwned::to_owned,
        );
        let issued_at = now();
        let intent = Intent {
            account: self.auth.account,
            issued_at,
            expires_at: issued_at + LIFETIME,
            action,
            jti,
        };
        let token = intent.sign(&self.auth.signer).map_err(Failure::internal)?;
        // The server reads strictly; so does its client, before it sends.
        Intent::peek(&token).map_err(Failure::usage)?;
        Ok(SignedIntent {
            token,
            session: SessionId::of(self.auth.account, &intent.jti),
        })
    }

    /// Sends a command that starts no session.
    pub(crate) fn send(&self, path: &str, action: Action) -> Outcome<Value> {
        let intent = self.intent(action, None)?;
        self.server.command(path, &intent.token, 0)
    }

    pub(crate) fn key_path(&self) -> String {
        format!("/v1/accounts/{}/keys", self.auth.account)
    }

    pub(crate) fn signature_path(key: KeyId) -> String {
        format!("/v1/keys/{key}/signatures")
    }
}
