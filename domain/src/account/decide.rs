//! Account decisions.

use super::{Account, AccountCommand, AccountError, AccountEvent, AccountStatus};
use crate::auth_key::AuthKey;
use crate::decider::Decider;
use crate::intent::{Action, Intent, VerifiedIntent};
use crate::personal::Personal;

impl Account {
    /// The auth key of an account that may make keys and sign.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] or [`AccountError::NotActive`].
    pub fn require_active(&self) -> Result<&AuthKey, AccountError> {
        let account = self.registered.as_ref().ok_or(AccountError::NotFound)?;
        match account.status {
            AccountStatus::Active => Ok(&account.auth_key),
            other => Err(AccountError::NotActive(other)),
        }
    }

    /// Checks that the intent is this account's: whoever loaded it by another
    /// name must not act on it.
    fn own(&self, intent: &Intent) -> Result<(), AccountError> {
        match &self.registered {
            Some(account) if account.account == intent.account => Ok(()),
            _ => Err(AccountError::NotFound),
        }
    }

    fn transition(&self, to: AccountStatus) -> Result<(), AccountError> {
        let from = self.status().ok_or(AccountError::NotFound)?;
        if from.may_become(to) {
            Ok(())
        } else {
            Err(AccountError::Transition { from, to })
        }
    }

    fn register(
        &self,
        verified: VerifiedIntent,
        personal: Personal,
    ) -> Result<Vec<AccountEvent>, AccountError> {
        if self.registered.is_some() {
            return Err(AccountError::AlreadyRegistered);
        }
        match verified.intent.action {
            Action::Register {
                auth_key, quorum, ..
            } => Ok(vec![AccountEvent::AccountRegistered {
                personal,
                auth_key,
                quorum,
            }]),
            other => Err(AccountError::WrongKind(other.kind())),
        }
    }

    fn erase(&self, verified: VerifiedIntent) -> Result<Vec<AccountEvent>, AccountError> {
        self.own(&verified.intent)?;
        let account = self.registered.as_ref().ok_or(AccountError::NotFound)?;
        if account.erased {
            return Err(AccountError::AlreadyErased);
        }
        if !account.sealed {
            return Err(AccountError::NotErasable);
        }
        // What was closed before may still be erased.
        if account.status != AccountStatus::Closed {
            self.transition(AccountStatus::Closed)?;
        }
        match verified.intent.action {
            Action::Erase => Ok(vec![AccountEvent::AccountErased {
                intent: verified.token,
            }]),
            other => Err(AccountError::WrongKind(other.kind())),
        }
    }
}

impl Decider for Account {
    const TYPE: &'static str = "account";
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Error = AccountError;

    fn decide(&self, command: AccountCommand) -> Result<Vec<AccountEvent>, AccountError> {
        match command {
            AccountCommand::Register(intent, personal) => self.register(*intent, personal),
            AccountCommand::Erase(intent) => self.erase(*intent),
            AccountCommand::Suspend(verified) => {
                self.own(&verified.intent)?;
                self.transition(AccountStatus::Suspended)?;
                match verified.intent.action {
                    Action::Suspend => Ok(vec![AccountEvent::AccountSuspended {
                        intent: verified.token,
                    }]),
                    other => Err(AccountError::WrongKind(other.kind())),
                }
            }
            AccountCommand::Reactivate(verified) => {
                self.own(&verified.intent)?;
                // A recovery ends by itself, a lock by the operator: the owner
                // takes back only what the owner did.
                let from = self.status().ok_or(AccountError::NotFound)?;
                if from != AccountStatus::Suspended {
                    let to = AccountStatus::Active;
                    return Err(AccountError::Transition { from, to });
                }
                match verified.intent.action {
                    Action::Reactivate => Ok(vec![AccountEvent::AccountReactivated {
                        intent: verified.token,
                    }]),
                    other => Err(AccountError::WrongKind(other.kind())),
                }
            }
        }
    }

    fn evolve(&mut self, event: &AccountEvent) {
        super::evolve::evolve(self, event);
    }
}
