//! What can have happened to an account.

use serde::{Deserialize, Serialize};

use crate::auth_key::AuthKey;
use crate::decider::StoredEvent;
use crate::personal::Personal;
use crate::quorum::Quorum;

/// An event of an account. `intent` is the JWS that authorised it; that of a
/// registration is part of the personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum AccountEvent {
    /// The account exists.
    AccountRegistered {
        /// Who it is: user name, email, and the registration that was signed.
        personal: Personal,
        /// Whose holder speaks for the account.
        auth_key: AuthKey,
        /// What its keys have unless they say otherwise.
        quorum: Quorum,
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
    /// The key of its personal data was destroyed, and it is closed for good.
    AccountErased {
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
        "AccountErased",
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
            Self::AccountErased { .. } => "AccountErased",
            Self::AuthKeyRotated { .. } => "AuthKeyRotated",
            Self::GuardiansAppointed { .. } => "GuardiansAppointed",
            Self::RecoveryStarted { .. } => "RecoveryStarted",
            Self::RecoveryApproved { .. } => "RecoveryApproved",
            Self::RecoveryCompleted {} => "RecoveryCompleted",
            Self::RecoveryCancelled { .. } => "RecoveryCancelled",
        }
    }

    fn version(&self) -> u16 {
        match self {
            // 1 had user name, email and intent in clear.
            Self::AccountRegistered { .. } => 2,
            _ => 1,
        }
    }
}
