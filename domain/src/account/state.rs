//! What an account is now.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::auth_key::AuthKey;
use crate::ids::AccountId;
use crate::quorum::Quorum;

/// The status of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    /// May make keys and sign.
    Active,
    /// Paused by its owner.
    Suspended,
    /// Locked by the operator.
    Locked,
    /// Its guardians are replacing the auth key.
    Recovering,
    /// Closed for good.
    Closed,
}

impl AccountStatus {
    /// All statuses.
    pub const ALL: [Self; 5] = [
        Self::Active,
        Self::Suspended,
        Self::Locked,
        Self::Recovering,
        Self::Closed,
    ];

    /// The transition table. A recovering account cannot be suspended; a closed
    /// one stays closed.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use AccountStatus::{Active, Closed, Locked, Recovering, Suspended};
        matches!(
            (self, next),
            (Active, Suspended | Locked | Recovering | Closed)
                | (Suspended, Active | Locked | Recovering | Closed)
                | (Locked, Active | Recovering | Closed)
                | (Recovering, Active | Locked)
        )
    }
}

impl fmt::Display for AccountStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Locked => "locked",
            Self::Recovering => "recovering",
            Self::Closed => "closed",
        })
    }
}

/// The state of an account; the default is one that does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub(super) registered: Option<Registered>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Registered {
    /// Named by the auth key that registered; later ones do not change it.
    pub(super) account: AccountId,
    pub(super) status: AccountStatus,
    pub(super) auth_key: AuthKey,
    pub(super) quorum: Quorum,
    /// The status to go back to when a recovery is cancelled, and the auth key
    /// that takes over when it completes.
    pub(super) recovery: Option<(AccountStatus, AuthKey)>,
    /// Whether its personal data are sealed, so that they can be erased.
    #[serde(default)]
    pub(super) sealed: bool,
    /// Whether they were.
    #[serde(default)]
    pub(super) erased: bool,
}

impl Account {
    /// The status; none when the account does not exist.
    #[must_use]
    pub fn status(&self) -> Option<AccountStatus> {
        self.registered.as_ref().map(|r| r.status)
    }

    /// The key whose holder speaks for the account.
    #[must_use]
    pub fn auth_key(&self) -> Option<&AuthKey> {
        self.registered.as_ref().map(|r| &r.auth_key)
    }

    /// Whether its personal data were erased.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.registered.as_ref().is_some_and(|r| r.erased)
    }

    /// The default quorum.
    #[must_use]
    pub fn quorum(&self) -> Option<Quorum> {
        self.registered.as_ref().map(|r| r.quorum)
    }
}
