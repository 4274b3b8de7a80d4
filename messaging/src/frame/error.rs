//! Why a frame was refused.

use countersign_domain::ids::{PartyId, SessionId};
use ed25519_dalek::SignatureError;
use hpke::HpkeError;

use super::MAX_FRAME;

/// Why a frame was refused, or could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Longer than [`MAX_FRAME`].
    #[error("a frame of {0} bytes is above the limit of {MAX_FRAME}")]
    TooLarge(usize),
    /// Shorter than its parts.
    #[error("truncated frame of {0} bytes")]
    Truncated(usize),
    /// Another version of the format.
    #[error("frame version {0} is not supported")]
    Version(u8),
    /// The header cannot be read.
    #[error("malformed frame header")]
    Malformed(#[source] postcard::Error),
    /// The header is not encoded the one way it is written.
    #[error("malformed frame header: not canonical")]
    NotCanonical,
    /// A kind this build does not know.
    #[error("unknown frame kind {0}")]
    Kind(u8),
    /// A frame of another session.
    #[error("the frame is of session {0}")]
    Session(SessionId),
    /// A frame of another attempt.
    #[error("the frame is of attempt {0}")]
    Attempt(u32),
    /// The receiver's own frame, sent back.
    #[error("the frame is the receiver's own")]
    Reflected,
    /// A frame for somebody else.
    #[error("the frame is for party `{0}`")]
    Addressee(PartyId),
    /// The sender does not take part.
    #[error("party `{0}` is not a member")]
    NotAMember(PartyId),
    /// In a channel that the party it names did not open.
    #[error("the channel is not signed by party `{party}`")]
    Signature {
        /// Who is said to have sent it.
        party: PartyId,
        /// What the verification says.
        #[source]
        source: SignatureError,
    },
    /// In a channel that its sender has signed, and that the receiver cannot use.
    #[error("the channel of party `{party}` cannot be used")]
    Channel {
        /// The sender.
        party: PartyId,
        /// What HPKE says.
        #[source]
        source: HpkeError,
    },
    /// Not sealed in the channel that its sender opened, or changed since.
    #[error("the frame is not sealed by party `{0}`")]
    Open(PartyId),
    /// The recipient's seal key cannot be sealed to.
    #[error("cannot seal to the recipient")]
    Seal(#[source] HpkeError),
}
