//! What can be asked of a key.

use super::KeyFacts;
use crate::ids::PartyId;
use crate::intent::VerifiedIntent;

/// A command to a key.
#[derive(Debug, Clone)]
pub enum KeyCommand {
    /// Ask for a key; its generation session is created in the same append.
    Request(Box<NewKey>),
    /// Activate by the receipts of all its parties, in the order of its members.
    Activate {
        /// One receipt (JWS) a party.
        receipts: Vec<String>,
    },
    /// No signatures until unfrozen, by a `key.freeze` intent.
    Freeze(Box<VerifiedIntent>),
    /// Sign again, by a `key.unfreeze` intent.
    Unfreeze(Box<VerifiedIntent>),
    /// Two parties must not sign together any more.
    BanPair {
        /// The party that saw the cheating.
        reporter: PartyId,
        /// The party that cheated.
        culprit: PartyId,
    },
    /// The key is of no use any more.
    Retire {
        /// Why.
        reason: String,
    },
}

/// A key that is asked for.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What it shall be.
    pub facts: KeyFacts,
    /// The `key.create` intent.
    pub intent: VerifiedIntent,
}
