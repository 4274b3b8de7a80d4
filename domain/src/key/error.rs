//! Why a key refuses a command.

use super::KeyStatus;
use crate::ids::PartyId;
use crate::receipt::ReceiptError;

/// A refused key command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It exists already.
    #[error("this key was requested already")]
    AlreadyRequested,
    /// It does not exist, or belongs to another account.
    #[error("there is no such key")]
    NotFound,
    /// The members are not as many as the quorum says, not indexed 1 … n, not
    /// each another party, or the fingerprint is another's.
    #[error("the members do not fit the quorum and fingerprint")]
    Members,
    /// The status does not allow it.
    #[error("the key is {from}: it cannot become {to}")]
    Transition {
        /// The status now.
        from: KeyStatus,
        /// The status asked for.
        to: KeyStatus,
    },
    /// Only an active key signs.
    #[error("the key is {0}: only an active key signs")]
    NotActive(KeyStatus),
    /// The intent was made for other shares.
    #[error("the key is at epoch {now}, the intent says {asked}: sign a new one")]
    Epoch {
        /// The epoch now.
        now: u32,
        /// The epoch in the intent.
        asked: u32,
    },
    /// The receipts activate nothing.
    #[error(transparent)]
    Receipts(#[from] ReceiptError),
    /// A party that holds no share of it.
    #[error("party `{0}` holds no share of this key")]
    NotMember(PartyId),
    /// The intent asks for something else.
    #[error("the intent does not authorise this command on this key")]
    WrongIntent,
}
