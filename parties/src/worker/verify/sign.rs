//! An invitation to sign with a key that exists.
//!
//! The intent must be signed by the auth key that was pinned beside the share
//! when the key was made; the one in the invitation is not looked at.

use countersign_domain::Timestamp;
use countersign_domain::intent::Action;
use countersign_domain::roster::Member;
use countersign_domain::session::{NewSession, SessionKind};
use countersign_domain::signature::Signature;

use super::{Work, intent};
use crate::vault::ShareRecord;
use crate::worker::context::Context;
use crate::worker::refusal::Refusal;

pub(super) fn verify(
    context: &Context,
    session: &NewSession,
    members: &[Member],
    me: u8,
    now: Timestamp,
) -> Result<Work, Refusal> {
    let unsealed = context
        .shares
        .get(&context.vault, session.key, session.epoch)?;
    let record = &unsealed.record;
    of_share(session, members, me, record)?;
    let verified = intent(session, &unsealed.auth_key, now)?;
    let Action::Sign { path, payload, .. } = &verified.intent.action else {
        return Err(Refusal::Action(SessionKind::Sign));
    };
    if session.sign.is_none() {
        return Err(Refusal::NotIntended("sign request"));
    }
    let child = context
        .children
        .derive(&record.public_key, &record.chain_code, path)
        .map_err(|_| Refusal::NotOfShare("derivation path"))?;
    session
        .check_sign(&verified.intent, &child)
        .map_err(Refusal::NotIntended)?;
    let (path, digest) = (path.clone(), payload.digest());
    Ok(Work::Sign {
        share: unsealed,
        path,
        public_key: child,
        digest,
        signature: finished(context, session)?,
    })
}

fn of_share(
    session: &NewSession,
    members: &[Member],
    me: u8,
    record: &ShareRecord,
) -> Result<(), Refusal> {
    let checks = [
        ("account", session.account == record.account),
        ("engine", session.engine == record.engine),
        ("quorum", session.quorum == record.quorum),
        ("set of participants", members == record.members),
        ("index of this party", me == record.me),
    ];
    match checks.iter().find(|(_, holds)| !holds) {
        Some((what, _)) => Err(Refusal::NotOfShare(what)),
        None => Ok(()),
    }
}

fn finished(context: &Context, session: &NewSession) -> Result<Option<Signature>, Refusal> {
    let stored = context
        .vault
        .finished(session.session)
        .map_err(Refusal::Vault)?;
    stored
        .map(|json| serde_json::from_slice(&json).map_err(|_| Refusal::Share))
        .transpose()
}
