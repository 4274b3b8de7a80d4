//! What can have happened to a key.

use serde::{Deserialize, Serialize};

use super::KeyFacts;
use crate::bytes::{Digest, PublicKey};
use crate::decider::StoredEvent;
use crate::ids::PartyId;

/// An event of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum KeyEvent {
    /// Its parties were asked to generate it.
    KeyRequested {
        /// What it shall be.
        #[serde(flatten)]
        facts: KeyFacts,
        /// The authorisation.
        intent: String,
    },
    /// All its parties hold a sealed share and agree.
    KeyActivated {
        /// Compressed public key.
        public_key: PublicKey,
        /// BIP32 chain code.
        chain_code: Digest,
        /// One receipt (JWS) a party, in the order of the members.
        receipts: Vec<String>,
    },
    /// No signatures until unfrozen.
    KeyFrozen {
        /// The authorisation.
        intent: String,
    },
    /// Signs again.
    KeyUnfrozen {
        /// The authorisation.
        intent: String,
    },
    /// The parties hold new shares of the same key.
    SharesRefreshed {
        /// The epoch of the new shares.
        epoch: u32,
        /// One receipt (JWS) a party.
        receipts: Vec<String>,
    },
    /// These two must not sign together any more: their correlation is burnt.
    PairBanned {
        /// The party that saw the cheating.
        reporter: PartyId,
        /// The party that cheated.
        culprit: PartyId,
    },
    /// Of no use any more.
    KeyRetired {
        /// Why.
        reason: String,
    },
}

impl StoredEvent for KeyEvent {
    const NAMES: &'static [&'static str] = &[
        "KeyRequested",
        "KeyActivated",
        "KeyFrozen",
        "KeyUnfrozen",
        "SharesRefreshed",
        "PairBanned",
        "KeyRetired",
    ];

    fn name(&self) -> &'static str {
        match self {
            Self::KeyRequested { .. } => "KeyRequested",
            Self::KeyActivated { .. } => "KeyActivated",
            Self::KeyFrozen { .. } => "KeyFrozen",
            Self::KeyUnfrozen { .. } => "KeyUnfrozen",
            Self::SharesRefreshed { .. } => "SharesRefreshed",
            Self::PairBanned { .. } => "PairBanned",
            Self::KeyRetired { .. } => "KeyRetired",
        }
    }
}
