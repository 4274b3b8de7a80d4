//! An invitation to make a key.
//!
//! There is no share yet that the account's auth key could have been pinned
//! beside. The account's name stands in for it: it is the hash of the auth key,
//! and the client compares it, with the pinned key's thumbprint, in the receipt.

use countersign_domain::Timestamp;
use countersign_domain::auth_key::AuthKey;
use countersign_domain::ids::AccountId;
use countersign_domain::intent::Action;
use countersign_domain::session::{NewSession, SessionKind};

use super::{Work, intent};
use crate::worker::context::Context;
use crate::worker::refusal::Refusal;

pub(super) fn verify(
    context: &Context,
    session: &NewSession,
    auth_key: AuthKey,
    now: Timestamp,
) -> Result<Work, Refusal> {
    if AccountId::of(&auth_key.thumbprint()) != session.account {
        return Err(Refusal::AccountKey(session.account));
    }
    let verified = intent(session, &auth_key, now)?;
    if !matches!(verified.intent.action, Action::CreateKey { .. }) {
        return Err(Refusal::Action(SessionKind::Keygen));
    }
    session
        .check_keygen(&verified.intent)
        .map_err(Refusal::NotIntended)?;
    let stored = context
        .vault
        .share_of_session(session.session)
        .map_err(Refusal::Vault)?;
    Ok(Work::Keygen {
        intent: verified.hash,
        auth_key,
        receipt: stored.and_then(|record| record.receipt),
    })
}
