//! What can have happened to an account.

use serde::{Deserialize, Serialize};

use crate::auth_key::AuthKey;
use crate::decider::StoredEvent;
use crate::quorum::Quorum;

/// An event of an account. `intent` is the JWS that authorised it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum AccountEvent {
    /// The account exists.
    AccountRegistered {
        /// Unique, compared without case.
        username: String,
        /// Unique, compared without case.
        email: String,
        /// Whose holder speaks for the account.
        auth_key: AuthKey,
        /// What its keys have unless they say otherwise.
        quorum: Quorum,
        /// The registration, signed by `auth_key`.
        intent: String,
    },
    /// No keys and signatures until reactivated.
    AccountSuspended {
        /// The authorisation.
        intent: String,
    },
    /// Active again.
    AccountReactivated {
        /// The authorisation.
        intent: String,
    },
    /// Locked by the operator's rules.
    AccountLocked {
        /// Why.
        reason: String,
    },
    /// Closed for good.
    AccountClosed {
        /// The authorisation.
        intent: String,
    },
    /// Another auth key speaks for the account from now on.
    AuthKeyRotated {
        /// The new key.
        auth_key: AuthKey,
        /// The authorisation, by the old key or the guardians.
        intent: String,
    },
    /// Who may recover the account together.
    GuardiansAppointed {
        /// Their auth keys.
        guardians: Vec<AuthKey>,
        /// How many of them must approve.
        threshold: u8,
        /// The authorisation.
        intent: String,
    },
    /// A guardian asked for a new auth key.
    RecoveryStarted {
        /// The key that is to take over.
        auth_key: AuthKey,
        /// The guardian's request.
        intent: String,
    },
    /// A guardian approved.
    RecoveryApproved {
        /// The guardian's approval.
        intent: String,
    },
    /// The new auth key speaks for the account.
    RecoveryCompleted {},
    /// The recovery was called off.
    RecoveryCancelled {
        /// The authorisation.
        intent: String,
    },
}

impl StoredEvent for AccountEvent {
    const NAMES: &'static [&'static str] = &[
        "AccountRegistered",
        "AccountSuspended",
        "AccountReactivated",
        "AccountLocked",
        "AccountClosed",
        "AuthKeyRotated",
        "GuardiansAppointed",
        "RecoveryStarted",
        "RecoveryApproved",
        "RecoveryCompleted",
        "RecoveryCancelled",
    ];

    fn name(&self) -> &'static str {
        match self {
            Self::AccountRegistered { .. } => "AccountRegistered",
            Self::AccountSuspended { .. } => "AccountSuspended",
            Self::AccountReactivated { .. } => "AccountReactivated",
            Self::AccountLocked { .. } => "AccountLocked",
            Self::AccountClosed { .. } => "AccountClosed",
            Self::AuthKeyRotated { .. } => "AuthKeyRotated",
            Self::GuardiansAppointed { .. } => "GuardiansAppointed",
            Self::RecoveryStarted { .. } => "RecoveryStarted",
            Self::RecoveryApproved { .. } => "RecoveryApproved",
            Self::RecoveryCompleted {} => "RecoveryCompleted",
            Self::RecoveryCancelled { .. } => "RecoveryCancelled",
        }
    }
}
