//! Events of accounts.

use countersign_domain::Timestamp;
use countersign_domain::account::{Account, AccountCommand, AccountEvent};
use countersign_domain::auth_key::AuthKey;
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::AccountId;
use countersign_domain::intent::VerifiedIntent;

use super::{Meaning, Reason, Work, intent, registration};

impl Meaning {
    pub(super) fn account(
        &mut self,
        id: AccountId,
        event: &AccountEvent,
        at: Timestamp,
    ) -> Result<Option<Work>, Reason> {
        let before = self.accounts.get(&id).cloned().unwrap_or_default();
        let work: Work = match event {
            AccountEvent::AccountRegistered { personal, .. } => {
                let Some(data) = self.read_registration(id, event, personal)? else {
                    // Without the key, only the key that registers can be looked at.
                    self.accounts.entry(id).or_default().evolve(event);
                    return Ok(None);
                };
                let event = event.clone();
                Box::new(move || registration::verify(&before, id, &event, &data, at))
            }
            AccountEvent::AccountErased { intent } => {
                self.use_intent(intent)?;
                self.note_erasure(id);
                let token = intent.clone();
                decided_again(before, id, event.clone(), token, at, AccountCommand::Erase)
            }
            AccountEvent::AccountSuspended { intent } => {
                self.use_intent(intent)?;
                let token = intent.clone();
                decided_again(
                    before,
                    id,
                    event.clone(),
                    token,
                    at,
                    AccountCommand::Suspend,
                )
            }
            AccountEvent::AccountReactivated { intent } => {
                self.use_intent(intent)?;
                let token = intent.clone();
                decided_again(
                    before,
                    id,
                    event.clone(),
                    token,
                    at,
                    AccountCommand::Reactivate,
                )
            }
            // Reserved: whoever adds the command adds the rule here.
            AccountEvent::AccountLocked { .. }
            | AccountEvent::AccountClosed { .. }
            | AccountEvent::AuthKeyRotated { .. }
            | AccountEvent::GuardiansAppointed { .. }
            | AccountEvent::RecoveryStarted { .. }
            | AccountEvent::RecoveryApproved { .. }
            | AccountEvent::RecoveryCompleted {}
            | AccountEvent::RecoveryCancelled { .. } => return Err(Reason::NoRule),
        };
        self.accounts.entry(id).or_default().evolve(event);
        Ok(Some(work))
    }

    /// The key that speaks for an account now.
    pub(super) fn auth_key(&self, id: AccountId) -> Result<AuthKey, Reason> {
        let account = self.accounts.get(&id);
        let key = account.and_then(Account::auth_key);
        Ok(key
            .ok_or(countersign_domain::account::AccountError::NotFound)?
            .clone())
    }

    /// The key that speaks for an account, which must be active.
    pub(super) fn active_auth_key(&self, id: AccountId) -> Result<AuthKey, Reason> {
        let none = Account::default();
        let account = self.accounts.get(&id).unwrap_or(&none);
        Ok(account.require_active()?.clone())
    }
}

/// Verifies the intent by the account's key, and decides its command again.
fn decided_again(
    before: Account,
    id: AccountId,
    event: AccountEvent,
    token: String,
    at: Timestamp,
    command: fn(Box<VerifiedIntent>) -> AccountCommand,
) -> Work {
    Box::new(move || {
        let key = before
            .auth_key()
            .ok_or(countersign_domain::account::AccountError::NotFound)?;
        let verified = intent::verify(&token, key, id, at)?;
        let decided = before.decide(command(Box::new(verified)))?;
        if decided == [event] {
            Ok(1)
        } else {
            Err(Reason::NotIntended("kind"))
        }
    })
}
