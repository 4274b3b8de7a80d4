//! Key decisions.

use super::state::{Requested, pair};
use super::{Key, KeyCommand, KeyError, KeyEvent, KeyFacts, KeyStatus, NewKey, PublicPart};
use crate::decider::Decider;
use crate::ids::{AccountId, PartyId};
use crate::intent::{Action, Intent};
use crate::receipt::{self, ReceiptError};
use crate::roster::{fingerprint, well_formed};

impl Key {
    /// The facts and public part of a key of `account` that may sign now.
    ///
    /// # Errors
    /// [`KeyError::NotFound`], [`KeyError::NotActive`] or [`KeyError::Epoch`].
    pub fn require_active(
        &self,
        account: AccountId,
        epoch: u32,
    ) -> Result<(&KeyFacts, PublicPart), KeyError> {
        let key = self.existing()?;
        match (key.status, key.public) {
            _ if key.facts.account != account => Err(KeyError::NotFound),
            (KeyStatus::Active, Some(public)) if key.epoch == epoch => Ok((&key.facts, public)),
            (KeyStatus::Active, Some(_)) => Err(KeyError::Epoch {
                now: key.epoch,
                asked: epoch,
            }),
            (status, _) => Err(KeyError::NotActive(status)),
        }
    }

    fn existing(&self) -> Result<&Requested, KeyError> {
        self.requested.as_ref().ok_or(KeyError::NotFound)
    }

    fn transition(&self, to: KeyStatus) -> Result<&Requested, KeyError> {
        let key = self.existing()?;
        if key.status.may_become(to) {
            Ok(key)
        } else {
            Err(KeyError::Transition {
                from: key.status,
                to,
            })
        }
    }

    fn request(&self, new: NewKey) -> Result<Vec<KeyEvent>, KeyError> {
        if self.requested.is_some() {
            return Err(KeyError::AlreadyRequested);
        }
        let facts = new.facts;
        let Action::CreateKey { engine, quorum } = new.intent.intent.action else {
            return Err(KeyError::WrongIntent);
        };
        if engine != facts.engine
            || quorum != facts.quorum
            || new.intent.intent.account != facts.account
        {
            return Err(KeyError::WrongIntent);
        }
        if facts.members.len() != usize::from(quorum.parties())
            || !well_formed(facts.members.iter())
            || facts.roster != fingerprint(&facts.members)
        {
            return Err(KeyError::Members);
        }
        Ok(vec![KeyEvent::KeyRequested {
            facts,
            intent: new.intent.token,
        }])
    }

    fn activate(&self, receipts: Vec<String>) -> Result<Vec<KeyEvent>, KeyError> {
        let key = self.existing()?;
        // The same activation again, by another replica: nothing to do.
        if key.public.is_some() {
            return Ok(vec![]);
        }
        self.transition(KeyStatus::Active)?;
        let facts = &key.facts;
        let stated = receipt::agree(&receipts, &facts.members)?;
        let expected = [
            ("key", stated.key == facts.key),
            ("session", stated.session == facts.session),
            ("account", stated.account == facts.account),
            ("engine", stated.engine == facts.engine),
            ("quorum", stated.quorum == facts.quorum),
            ("epoch", stated.epoch == key.epoch),
            ("auth_key", stated.auth_key == facts.auth_key),
        ];
        if let Some((field, _)) = expected.iter().find(|(_, same)| !same) {
            return Err(ReceiptError::Unexpected(field).into());
        }
        Ok(vec![KeyEvent::KeyActivated {
            public_key: stated.public_key,
            chain_code: stated.chain_code,
            receipts,
        }])
    }

    fn authorised(&self, intent: &Intent, asks: bool) -> Result<(), KeyError> {
        if self.existing()?.facts.account != intent.account {
            Err(KeyError::NotFound)
        } else if asks {
            Ok(())
        } else {
            Err(KeyError::WrongIntent)
        }
    }

    fn ban(&self, reporter: PartyId, culprit: PartyId) -> Result<Vec<KeyEvent>, KeyError> {
        let key = self.existing()?;
        for party in [&reporter, &culprit] {
            if !key.facts.members.iter().any(|m| m.identity.party == *party) {
                return Err(KeyError::NotMember(party.clone()));
            }
        }
        if reporter == culprit {
            return Err(KeyError::NotMember(culprit));
        }
        if key.banned.contains(&pair(&reporter, &culprit)) {
            return Ok(vec![]);
        }
        Ok(vec![KeyEvent::PairBanned { reporter, culprit }])
    }
}

impl Decider for Key {
    const TYPE: &'static str = "key";
    type Command = KeyCommand;
    type Event = KeyEvent;
    type Error = KeyError;

    fn decide(&self, command: KeyCommand) -> Result<Vec<KeyEvent>, KeyError> {
        match command {
            KeyCommand::Request(new) => self.request(*new),
            KeyCommand::Activate { receipts } => self.activate(receipts),
            KeyCommand::Freeze(verified) => {
                let facts = &self.existing()?.facts;
                let asks = verified.intent.action == Action::Freeze { key: facts.key };
                self.authorised(&verified.intent, asks)?;
                self.transition(KeyStatus::Frozen)?;
                Ok(vec![KeyEvent::KeyFrozen {
                    intent: verified.token,
                }])
            }
            KeyCommand::Unfreeze(verified) => {
                let key = self.existing()?;
                let asks = verified.intent.action == Action::Unfreeze { key: key.facts.key };
                self.authorised(&verified.intent, asks)?;
                if key.status != KeyStatus::Frozen {
                    let (from, to) = (key.status, KeyStatus::Active);
                    return Err(KeyError::Transition { from, to });
                }
                Ok(vec![KeyEvent::KeyUnfrozen {
                    intent: verified.token,
                }])
            }
            KeyCommand::BanPair { reporter, culprit } => self.ban(reporter, culprit),
            KeyCommand::Retire { reason } => {
                self.transition(KeyStatus::Retired)?;
                Ok(vec![KeyEvent::KeyRetired { reason }])
            }
        }
    }

    fn evolve(&mut self, event: &KeyEvent) {
        super::evolve::evolve(self, event);
    }
}
