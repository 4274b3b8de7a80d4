//! Registrations: the one intent whose key comes with it.

use countersign_domain::Timestamp;
use countersign_domain::account::{Account, AccountCommand, AccountEvent};
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::AccountId;
use countersign_domain::intent::Intent;

use super::{Reason, intent};

/// Verifies that the account is named after the key that signed its registration, and
/// that the event says what was signed. Returns how many signatures were verified.
pub(super) fn verify(
    before: &Account,
    id: AccountId,
    event: &AccountEvent,
    token: &str,
    at: Timestamp,
) -> Result<u64, Reason> {
    let verified = Intent::verify_registration(token)?;
    intent::check_time(&verified.intent, at)?;
    if verified.intent.account != id {
        return Err(Reason::Field("account"));
    }
    let decided = before.decide(AccountCommand::Register(Box::new(verified)))?;
    if decided == [event.clone()] {
        Ok(1)
    } else {
        Err(Reason::NotIntended("registration"))
    }
}
