//! Events of sessions.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use countersign_domain::Timestamp;
use countersign_domain::bytes::{Digest, PublicKey};
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::intent::Action;
use countersign_domain::key::{KeyFacts, ordered_pair};
use countersign_domain::path::DerivationPath;
use countersign_domain::roster::fingerprint;
use countersign_domain::session::{
    AttemptFailure, NewSession, Report, Session, SessionCommand, SessionError, SessionEvent,
    SessionKind, SessionStatus,
};

use super::key::facts_of;
use super::{Expected, Meaning, Reason, Work, intent};

/// What is left of a session that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    status: SessionStatus,
    /// The key that it has made.
    pub(super) generated: Option<PublicKey>,
}

impl Meaning {
    pub(super) fn session(
        &mut self,
        id: SessionId,
        event: &SessionEvent,
        at: Timestamp,
    ) -> Result<Option<Work>, Reason> {
        if let SessionEvent::SessionCreated { session } = event {
            return match session.kind {
                SessionKind::Sign => self.signing(id, event, at),
                // It begins together with its key.
                SessionKind::Keygen => Err(Reason::Unfounded),
                SessionKind::Refresh | SessionKind::Recover => Err(Reason::NoRule),
            };
        }
        if let Some(ended) = self.ended.get(&id) {
            return Err(SessionError::Status(ended.status).into());
        }
        let before = self.open.get(&id).cloned().unwrap_or_default();
        let follow = before.check_next(event, at, &self.banned(&before))?;
        let work = self.signed_for(&before, event, at)?;
        self.note_accusations(&before, event);
        self.next.extend(
            follow
                .into_iter()
                .map(|event| Expected::Event(id, Box::new(event))),
        );
        self.evolve(id, event);
        Ok(work)
    }

    /// The beginning of a session that generates a key, right after its request.
    pub(super) fn generation(
        &mut self,
        id: SessionId,
        event: &SessionEvent,
        at: Timestamp,
    ) -> Result<Option<Work>, Reason> {
        let SessionEvent::SessionCreated { session } = event else {
            return Err(Reason::Unfounded);
        };
        if session.kind != SessionKind::Keygen {
            return Err(Reason::Field("kind"));
        }
        let auth_key = self.active_auth_key(session.account)?;
        let facts = facts_of(&self.existing(session.key)?.key)?;
        check_facts(id, session, facts)?;
        self.check_created(event, at)?;
        let session = session.clone();
        self.evolve(id, event);
        Ok(Some(Box::new(move || {
            let verified = intent::verify(&session.intent, &auth_key, session.account, at)?;
            session
                .check_intent(&verified, &auth_key)
                .and_then(|()| session.check_keygen(&verified.intent))
                .map_err(Reason::NotIntended)?;
            Ok(1)
        })))
    }

    fn signing(
        &mut self,
        id: SessionId,
        event: &SessionEvent,
        at: Timestamp,
    ) -> Result<Option<Work>, Reason> {
        let SessionEvent::SessionCreated { session } = event else {
            return Err(Reason::Unfounded);
        };
        if self.open.contains_key(&id) || self.ended.contains_key(&id) {
            return Err(SessionError::AlreadyCreated.into());
        }
        let auth_key = self.active_auth_key(session.account)?;
        let entry = self.existing(session.key)?;
        let (facts, public) = entry.key.require_active(session.account, session.epoch)?;
        check_facts(id, session, facts)?;
        let apart = |a: &PartyId| session.signers.iter().any(|b| entry.key.banned(a, b));
        if session.signers.iter().any(apart) {
            return Err(Reason::Field("set of signers"));
        }
        self.check_created(event, at)?;
        self.use_command(id.0)?;
        let (session, children) = (session.clone(), self.children.clone());
        self.evolve(id, event);
        Ok(Some(Box::new(move || {
            let verified = intent::verify(&session.intent, &auth_key, session.account, at)?;
            session
                .check_intent(&verified, &auth_key)
                .map_err(Reason::NotIntended)?;
            let child = match &verified.intent.action {
                Action::Sign { path, .. } => {
                    children.derive(&public.public_key, &public.chain_code, path)?
                }
                _ => return Err(Reason::NotIntended("kind")),
            };
            session
                .check_sign(&verified.intent, &child)
                .map_err(Reason::NotIntended)?;
            Ok(1)
        })))
    }

    /// Whether the session hangs together in itself.
    fn check_created(&self, event: &SessionEvent, at: Timestamp) -> Result<(), Reason> {
        Session::default().check_next(event, at, &BTreeSet::new())?;
        Ok(())
    }

    /// What was signed for an event.
    fn signed_for(
        &mut self,
        before: &Session,
        event: &SessionEvent,
        at: Timestamp,
    ) -> Result<Option<Work>, Reason> {
        let Some(state) = before.state() else {
            return Err(SessionError::NotFound.into());
        };
        match event {
            SessionEvent::ParticipantReported {
                report: Report::Signature { signature },
                ..
            } => {
                let sign = state.asked.sign.as_ref();
                let sign = sign.ok_or(SessionError::ReportKind("keygen"))?;
                let (digest, key, signature) = (sign.digest, sign.public_key, *signature);
                Ok(Some(Box::new(move || {
                    signature.verify(&digest, &key)?;
                    Ok(1)
                })))
            }
            // Verified by the decision; counted here.
            SessionEvent::ParticipantReported { .. } => Ok(Some(Box::new(|| Ok(1)))),
            SessionEvent::SessionCancelled { intent: token } => {
                self.use_intent(token)?;
                let account = state.asked.account;
                let auth_key = self.auth_key(account)?;
                let (before, event) = (before.clone(), event.clone());
                let token = token.clone();
                Ok(Some(Box::new(move || {
                    let verified = intent::verify(&token, &auth_key, account, at)?;
                    let decided = before.decide(SessionCommand::Cancel(Box::new(verified)))?;
                    if decided == [event] {
                        Ok(1)
                    } else {
                        Err(Reason::NotIntended("kind"))
                    }
                })))
            }
            _ => Ok(None),
        }
    }

    /// Pairs that the session's key bans.
    fn banned(&self, session: &Session) -> BTreeSet<(PartyId, PartyId)> {
        let state = session.state();
        let entry = state.and_then(|state| self.keys.get(&state.asked.key));
        let Some((state, entry)) = state.zip(entry) else {
            return BTreeSet::new();
        };
        let parties = || state.participants.keys();
        let pairs = parties().flat_map(|a| parties().map(move |b| (a, b)));
        pairs
            .filter(|(a, b)| a < b && entry.key.banned(a, b))
            .map(|(a, b)| ordered_pair(a, b))
            .collect()
    }

    /// Cheating that a party has reported bans it and the culprit on the key.
    fn note_accusations(&mut self, before: &Session, event: &SessionEvent) {
        let SessionEvent::AttemptFailed {
            reason: AttemptFailure::Cheating,
            reporter: Some(reporter),
            culprits,
            ..
        } = event
        else {
            return;
        };
        let key = before.state().map(|state| state.asked.key);
        if let Some(entry) = key.and_then(|key| self.keys.get_mut(&key)) {
            let accused = culprits.iter().map(|it| (reporter.clone(), it.clone()));
            entry.accused.extend(accused);
        }
    }

    /// Folds an event that was checked. Of a session that has ended little is kept.
    pub(super) fn evolve(&mut self, id: SessionId, event: &SessionEvent) {
        let session = self.open.entry(id).or_default();
        session.evolve(event);
        let Some(state) = session.state().filter(|state| state.status.is_final()) else {
            return;
        };
        let generated = match event {
            SessionEvent::SessionCompleted { public_key, .. }
                if state.asked.kind == SessionKind::Keygen =>
            {
                Some(*public_key)
            }
            _ => None,
        };
        let status = state.status;
        self.open.remove(&id);
        self.ended.insert(id, Ended { status, generated });
    }
}

/// What a session has from its key.
fn check_facts(id: SessionId, session: &NewSession, facts: &KeyFacts) -> Result<(), Reason> {
    let members: Vec<_> = session.participants.iter().map(|it| &it.member).collect();
    let checks = [
        ("session id", session.session == id),
        ("key", session.key == facts.key),
        (
            "session of the key",
            session.kind != SessionKind::Keygen || facts.session == id,
        ),
        ("account", session.account == facts.account),
        ("engine", session.engine == facts.engine),
        ("quorum", session.quorum == facts.quorum),
        (
            "set of participants",
            members.iter().copied().eq(&facts.members),
        ),
        ("roster", session.roster == facts.roster),
        ("fingerprint", session.roster == fingerprint(&facts.members)),
    ];
    match checks.iter().find(|(_, right)| !right) {
        Some((what, _)) => Err(Reason::Field(what)),
        None => Ok(()),
    }
}

/// Derived keys: a key mostly signs with the same few children.
#[derive(Debug, Default)]
pub(super) struct Children(Mutex<HashMap<Child, PublicKey>>);

/// Parent, its chain code, and the path from it.
type Child = (PublicKey, Digest, DerivationPath);

/// How many are kept.
const CHILDREN: usize = 10_000;

impl Children {
    fn derive(
        &self,
        parent: &PublicKey,
        chain_code: &Digest,
        path: &DerivationPath,
    ) -> Result<PublicKey, Reason> {
        let name = (*parent, *chain_code, path.clone());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(child) = kept.get(&name) {
            return Ok(*child);
        }
        drop(kept);
        let child = path.derive(parent, chain_code);
        let child = child.map_err(|_| Reason::Field("derivation path"))?;
        kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= CHILDREN {
            kept.clear();
        }
        kept.insert(name, child);
        Ok(child)
    }
}
