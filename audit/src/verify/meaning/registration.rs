//! Registrations: the one intent whose key comes with it, and whose personal data may
//! be sealed or erased.

use countersign_domain::Timestamp;
use countersign_domain::account::{
    Account, AccountCommand, AccountError, AccountEvent, normalised,
};
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::AccountId;
use countersign_domain::intent::Intent;
use countersign_domain::personal::{Personal, PersonalData};

use super::{Meaning, Reason, intent};

impl Meaning {
    /// What a registration says, as far as it can be read; none when it is sealed and
    /// there is no key. That it is the account's first event, named after its auth key,
    /// shows either way.
    pub(super) fn read_registration(
        &mut self,
        id: AccountId,
        event: &AccountEvent,
        personal: &Personal,
    ) -> Result<Option<PersonalData>, Reason> {
        let AccountEvent::AccountRegistered { auth_key, .. } = event else {
            return Err(Reason::Field("registration"));
        };
        if AccountId::of(&auth_key.thumbprint()) != id {
            return Err(Reason::Field("account"));
        }
        let data = match personal {
            Personal::Open(data) => {
                self.registrations.in_clear += 1;
                data.clone()
            }
            Personal::Sealed(sealed) => match self.personal.get(&id) {
                Some(key) => {
                    let data = key.open(id, sealed).map_err(|_| Reason::Sealed)?;
                    self.registrations.opened += 1;
                    data
                }
                None => {
                    self.require_new(id)?;
                    self.registrations.sealed += 1;
                    self.unopened.insert(id);
                    return Ok(None);
                }
            },
        };
        self.use_intent(&data.intent)?;
        self.require_new(id)?;
        for (scope, name) in [("username", &data.username), ("email", &data.email)] {
            if self.names.insert((scope, normalised(name)), id).is_some() {
                return Err(Reason::Taken(scope));
            }
        }
        Ok(Some(data))
    }

    fn require_new(&self, id: AccountId) -> Result<(), AccountError> {
        if self.accounts.contains_key(&id) {
            return Err(AccountError::AlreadyRegistered);
        }
        Ok(())
    }

    /// An erased account's names are free, and nobody is missing its key any more.
    pub(super) fn note_erasure(&mut self, id: AccountId) {
        self.registrations.erased += 1;
        if self.unopened.remove(&id) {
            self.registrations.sealed -= 1;
        } else {
            self.registrations.erased_with_key += 1;
            self.names.retain(|_, holder| *holder != id);
        }
    }
}

/// Verifies that the account is named after the key that signed its registration, and
/// that the event says what was signed. Returns how many signatures were verified.
pub(super) fn verify(
    before: &Account,
    id: AccountId,
    event: &AccountEvent,
    data: &PersonalData,
    at: Timestamp,
) -> Result<u64, Reason> {
    let verified = Intent::verify_registration(&data.intent)?;
    intent::check_time(&verified.intent, at)?;
    if verified.intent.account != id {
        return Err(Reason::Field("account"));
    }
    let AccountEvent::AccountRegistered { personal, .. } = event else {
        return Err(Reason::Field("registration"));
    };
    let said = PersonalData::of(&verified).as_ref() == Some(data);
    let command = AccountCommand::Register(Box::new(verified), personal.clone());
    if said && before.decide(command)? == [event.clone()] {
        Ok(1)
    } else {
        Err(Reason::NotIntended("registration"))
    }
}
