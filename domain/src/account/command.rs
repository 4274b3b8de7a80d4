//! What can be asked of an account.

use crate::intent::VerifiedIntent;

/// A command to an account. Each carries the intent that authorises it.
#[derive(Debug, Clone)]
pub enum AccountCommand {
    /// Register by an `account.register` intent.
    Register(Box<VerifiedIntent>),
    /// Suspend by an `account.suspend` intent.
    Suspend(Box<VerifiedIntent>),
    /// Reactivate by an `account.reactivate` intent.
    Reactivate(Box<VerifiedIntent>),
}
