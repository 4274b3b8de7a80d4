//! Events of keys.

use countersign_domain::Timestamp;
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::{KeyId, SessionId};
use countersign_domain::intent::VerifiedIntent;
use countersign_domain::key::{Key, KeyCommand, KeyError, KeyEvent, KeyFacts, KeyStatus, NewKey};

use super::{Expected, KeyEntry, Meaning, Reason, Work, intent};

impl Meaning {
    pub(super) fn key(
        &mut self,
        id: KeyId,
        event: &KeyEvent,
        at: Timestamp,
    ) -> Result<Option<Work>, Reason> {
        let work = match event {
            KeyEvent::KeyRequested { facts, intent } => {
                Some(self.requested(id, facts, intent, event, at)?)
            }
            KeyEvent::KeyActivated { public_key, .. } => {
                let before = self.existing(id)?;
                let session = facts_of(&before.key)?.session;
                // The session has seen the same receipts.
                if self.ended.get(&session).and_then(|ended| ended.generated) != Some(*public_key) {
                    return Err(Reason::Unfounded);
                }
                Some(activated(before.key.clone(), event.clone()))
            }
            KeyEvent::KeyFrozen { intent } => {
                Some(self.by_intent(id, intent, event, at, KeyCommand::Freeze)?)
            }
            KeyEvent::KeyUnfrozen { intent } => {
                Some(self.by_intent(id, intent, event, at, KeyCommand::Unfreeze)?)
            }
            KeyEvent::PairBanned { reporter, culprit } => {
                let before = self.existing(id)?;
                if !before
                    .accused
                    .contains(&(reporter.clone(), culprit.clone()))
                {
                    return Err(Reason::Unfounded);
                }
                let (reporter, culprit) = (reporter.clone(), culprit.clone());
                decide(
                    &before.key,
                    KeyCommand::BanPair { reporter, culprit },
                    event,
                )?;
                None
            }
            KeyEvent::KeyRetired { reason } => {
                let before = self.existing(id)?;
                let session = facts_of(&before.key)?.session;
                // What has been active is of use.
                let unused = before.key.status() == Some(KeyStatus::Requested);
                if !unused || !self.ended.contains_key(&session) {
                    return Err(Reason::Unfounded);
                }
                let reason = reason.clone();
                decide(&before.key, KeyCommand::Retire { reason }, event)?;
                None
            }
            // Reserved: whoever adds the command adds the rule here.
            KeyEvent::SharesRefreshed { .. } => return Err(Reason::NoRule),
        };
        self.keys.entry(id).or_default().key.evolve(event);
        Ok(work)
    }

    fn requested(
        &mut self,
        id: KeyId,
        facts: &KeyFacts,
        token: &str,
        event: &KeyEvent,
        at: Timestamp,
    ) -> Result<Work, Reason> {
        if self.keys.contains_key(&id) {
            return Err(KeyError::AlreadyRequested.into());
        }
        if facts.key != id || KeyId::of(facts.session) != id {
            return Err(Reason::Field("key id"));
        }
        let auth_key = self.active_auth_key(facts.account)?;
        if facts.auth_key != auth_key.thumbprint() {
            return Err(Reason::Field("auth key"));
        }
        self.use_command(facts.session.0)?;
        self.next
            .push_back(Expected::Generation(facts.session, token.to_owned()));
        let (facts, token, event) = (facts.clone(), token.to_owned(), event.clone());
        Ok(Box::new(move || {
            let intent = intent::verify(&token, &auth_key, facts.account, at)?;
            if SessionId::of(facts.account, &intent.intent.jti) != facts.session {
                return Err(Reason::NotIntended("session id"));
            }
            let new = NewKey { facts, intent };
            decide(&Key::default(), KeyCommand::Request(Box::new(new)), &event)?;
            Ok(1)
        }))
    }

    fn by_intent(
        &mut self,
        id: KeyId,
        token: &str,
        event: &KeyEvent,
        at: Timestamp,
        command: fn(Box<VerifiedIntent>) -> KeyCommand,
    ) -> Result<Work, Reason> {
        self.use_intent(token)?;
        let before = self.existing(id)?.key.clone();
        let account = facts_of(&before)?.account;
        let auth_key = self.auth_key(account)?;
        let (token, event) = (token.to_owned(), event.clone());
        Ok(Box::new(move || {
            let verified = intent::verify(&token, &auth_key, account, at)?;
            decide(&before, command(Box::new(verified)), &event)?;
            Ok(1)
        }))
    }

    pub(super) fn existing(&self, id: KeyId) -> Result<&KeyEntry, Reason> {
        Ok(self.keys.get(&id).ok_or(KeyError::NotFound)?)
    }
}

/// What a key was asked to be.
pub(super) fn facts_of(key: &Key) -> Result<&KeyFacts, Reason> {
    Ok(key.facts().ok_or(KeyError::NotFound)?)
}

/// Verifies all receipts.
fn activated(before: Key, event: KeyEvent) -> Work {
    Box::new(move || {
        let KeyEvent::KeyActivated { receipts, .. } = &event else {
            return Err(Reason::Unfounded);
        };
        let receipts = receipts.clone();
        let count = receipts.len() as u64;
        decide(&before, KeyCommand::Activate { receipts }, &event)?;
        Ok(count)
    })
}

/// Decides the command again: it must come to this event.
fn decide(before: &Key, command: KeyCommand, event: &KeyEvent) -> Result<(), Reason> {
    if before.decide(command)? == [event.clone()] {
        Ok(())
    } else {
        Err(Reason::Field("event"))
    }
}
