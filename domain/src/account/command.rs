//! What can be asked of an account.

use crate::intent::VerifiedIntent;
use crate::personal::Personal;

/// A command to an account. Each carries the intent that authorises it.
#[derive(Debug, Clone)]
pub enum AccountCommand {
    /// Register by an `account.register` intent; the event keeps its personal data in
    /// this form.
    Register(Box<VerifiedIntent>, Personal),
    /// Suspend by an `account.suspend` intent.
    Suspend(Box<VerifiedIntent>),
    /// Reactivate by an `account.reactivate` intent.
    Reactivate(Box<VerifiedIntent>),
    /// Erase the personal data by an `account.erase` intent, and close the account.
    Erase(Box<VerifiedIntent>),
}
