//! Why a ceremony cannot even be prepared.

use super::PartyIndex;

/// What is wrong with the input of an engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Threshold and number of parties do not go together.
    #[error("{threshold}-of-{parties} is not possible: 2 ≤ threshold ≤ parties ≤ 32")]
    Parameters {
        /// How many must sign.
        threshold: u8,
        /// How many hold a share.
        parties: u8,
    },
    /// A position is not in the roster.
    #[error("party {party} is not one of 1 to {parties}")]
    UnknownParty {
        /// The position in question.
        party: PartyIndex,
        /// How many parties there are.
        parties: u8,
    },
    /// Not as many signers as the key asks for.
    #[error("the key takes exactly {threshold} signers, not {signers}")]
    SignerCount {
        /// How many must sign.
        threshold: u8,
        /// How many were named.
        signers: usize,
    },
    /// The signers are not in ascending order, or one is named twice.
    #[error("the signers must be in ascending order, each once")]
    SignerOrder,
    /// The share's owner is not among the signers.
    #[error("the share belongs to party {me}, which is not one of the signers")]
    NotASigner {
        /// Whose share it is.
        me: PartyIndex,
    },
    /// A share in a form that this build does not know.
    #[error("a share of version {found} cannot be read, only version {known}")]
    ShareVersion {
        /// The version byte.
        found: u8,
        /// The version that this build writes and reads.
        known: u8,
    },
    /// The share is empty, cut short, or not a share at all.
    #[error("the share does not decode")]
    ShareEncoding(#[source] Option<postcard::Error>),
    /// The share decodes, but its parts contradict each other.
    #[error("the share is inconsistent: {0}")]
    ShareContent(&'static str),
    /// Not a point of the curve, or the one point that is no key.
    #[error("the public key is not a valid compressed secp256k1 point")]
    PublicKey,
    /// A path that this engine cannot derive.
    #[error("the derivation path cannot be derived: {0}")]
    Path(&'static str),
}
