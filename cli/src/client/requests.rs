//! Making and sending intents.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_domain::ids::{KeyId, SessionId};
use countersign_domain::intent::{Action, Intent};
use serde_json::Value;

use super::progress::Progress;
use super::{AuthFile, Server};
use crate::clock::{entropy, now};
use crate::failure::{Failure, Outcome};

/// How long an intent is valid.
const LIFETIME: chrono::Duration = chrono::Duration::minutes(10);

/// The longest that a server holds a request, in seconds.
const MAX_HELD: u32 = 300;

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

    /// Sends an intent that starts a session, and waits up to `wait` seconds for
    /// its end. The same intent again is the same session, so a wait that is
    /// longer than a server holds a request is made of several.
    pub(crate) fn await_session(
        &self,
        path: &str,
        intent: &SignedIntent,
        wait: u32,
        label: &str,
    ) -> Outcome<Value> {
        let _progress = (wait > 0).then(|| Progress::follow(&self.server, intent.session, label));
        let deadline = Instant::now() + Duration::from_secs(wait.into());
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).as_secs();
            let held = u32::try_from(left).unwrap_or(MAX_HELD).min(MAX_HELD);
            let answer = self.server.command(path, &intent.token, held)?;
            if answer["status"] == "completed" || held < MAX_HELD {
                return Ok(answer);
            }
        }
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
