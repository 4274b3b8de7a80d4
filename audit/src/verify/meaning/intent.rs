//! Intents: signed by the account's key of that time, valid then, used once.

use chrono::Duration;
use countersign_domain::Timestamp;
use countersign_domain::auth_key::AuthKey;
use countersign_domain::ids::AccountId;
use countersign_domain::intent::{CLOCK_SKEW, Intent, IntentError, VerifiedIntent};

use super::{Meaning, Reason};

/// How long after an intent was looked at its event may be recorded, at most: clocks
/// of processes differ, and an append is tried again.
const LATENCY: Duration = CLOCK_SKEW;

/// Verifies the signature, and that the intent was valid when its event was recorded.
pub(super) fn verify(
    token: &str,
    key: &AuthKey,
    account: AccountId,
    at: Timestamp,
) -> Result<VerifiedIntent, Reason> {
    let verified = Intent::verify(token, key)?;
    check_time(&verified.intent, at)?;
    if verified.intent.account != account {
        return Err(Reason::NotIntended("account"));
    }
    Ok(verified)
}

/// Whether the intent was valid when its event was recorded.
pub(super) fn check_time(intent: &Intent, at: Timestamp) -> Result<(), Reason> {
    match intent.check_time(at) {
        Err(IntentError::Expired(_)) if intent.expires_at + LATENCY > at => Ok(()),
        checked => Ok(checked?),
    }
}

impl Meaning {
    /// Notes that an intent is used, for the one command that it authorises.
    pub(super) fn use_intent(&mut self, token: &str) -> Result<(), Reason> {
        let intent = Intent::peek(token)?;
        self.use_command(intent.account.command(&intent.jti))
    }

    /// The same, for a command whose id is known.
    pub(super) fn use_command(&mut self, id: uuid::Uuid) -> Result<(), Reason> {
        if self.used.insert(id) {
            Ok(())
        } else {
            Err(Reason::UsedIntent)
        }
    }
}
