//! An invitation to make a key.
//!
//! There is no share yet that the account's auth key could have been pinned
//! beside. The account's name stands in for it: it is the hash of the auth key,
//! and the client compares it, with the pinned key's thumbprint, in the receipt.

use countersign_domain::Timestamp;
use countersign_domain::auth_key::AuthKey;
use countersign_domain::ids::{AccountId, KeyId};
use countersign_domain::intent::Action;
use countersign_domain::session::{NewSession, SessionKind};

use super::{Work, all, intent};
use crate::worker::context::Context;
use crate::worker::refusal::Refusal;

/// The epoch of the shares that key generation makes.
const FIRST_EPOCH: u32 = 1;

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
    let Action::CreateKey { engine, quorum } = verified.intent.action else {
        return Err(Refusal::Action(SessionKind::Keygen));
    };
    all(&[
        ("engine", session.engine == engine),
        ("quorum", session.quorum == quorum),
        ("key id", session.key == KeyId::of(session.session)),
        ("epoch", session.epoch == FIRST_EPOCH),
        ("sign request", session.sign.is_none()),
    ])?;
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
