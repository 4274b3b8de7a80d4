//! Whether a session is the one that its intent asks for. Parties check it before
//! they take part, and auditors afterwards.

use super::NewSession;
use crate::auth_key::AuthKey;
use crate::bytes::PublicKey;
use crate::ids::{KeyId, SessionId};
use crate::intent::{Action, Intent, VerifiedIntent};

/// The epoch of the shares that key generation makes.
const FIRST_EPOCH: u32 = 1;

impl NewSession {
    /// Checks what any session has from its intent, which `key` signed: account, id,
    /// hash, auth key.
    ///
    /// # Errors
    /// The first thing that the intent does not say.
    pub fn check_intent(
        &self,
        verified: &VerifiedIntent,
        key: &AuthKey,
    ) -> Result<(), &'static str> {
        let intent = &verified.intent;
        first_wrong(&[
            ("account", self.account == intent.account),
            (
                "session id",
                self.session == SessionId::of(intent.account, &intent.jti),
            ),
            ("intent hash", self.intent_hash == verified.hash),
            ("auth key", self.auth_key == key.thumbprint()),
        ])
    }

    /// Checks what a key generation has from its intent.
    ///
    /// # Errors
    /// The first thing that the intent does not say.
    pub fn check_keygen(&self, intent: &Intent) -> Result<(), &'static str> {
        let Action::CreateKey { engine, quorum } = intent.action else {
            return Err("kind");
        };
        first_wrong(&[
            ("engine", self.engine == engine),
            ("quorum", self.quorum == quorum),
            ("key id", self.key == KeyId::of(self.session)),
            ("epoch", self.epoch == FIRST_EPOCH),
            ("sign request", self.sign.is_none()),
        ])
    }

    /// Checks what a signature has from its intent; `child` is the key at the
    /// intent's path.
    ///
    /// # Errors
    /// The first thing that the intent does not say.
    pub fn check_sign(&self, intent: &Intent, child: &PublicKey) -> Result<(), &'static str> {
        let Action::Sign {
            key,
            epoch,
            path,
            payload,
        } = &intent.action
        else {
            return Err("kind");
        };
        let asked = self.sign.as_ref().ok_or("sign request")?;
        first_wrong(&[
            ("key", self.key == *key),
            ("epoch", self.epoch == *epoch),
            ("derivation path", asked.path == *path),
            ("digest", asked.digest == payload.digest()),
            ("hash scheme", asked.hash == payload.scheme()),
            ("public key", asked.public_key == *child),
        ])
    }
}

fn first_wrong(checks: &[(&'static str, bool)]) -> Result<(), &'static str> {
    match checks.iter().find(|(_, right)| !right) {
        Some((what, _)) => Err(what),
        None => Ok(()),
    }
}
