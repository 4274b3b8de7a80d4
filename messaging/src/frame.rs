//! Protocol frames, party to party.
//!
//! A frame is a header and a body, from one party to one other. The body is sealed
//! to the receiver, with the header as associated data, in a channel that the sender
//! opened and signed with its Ed25519 identity key: whoever opens a frame knows that
//! the party in its header sealed it, in this session, attempt and round. What is
//! said to all is said to each. Whatever is wrong with a frame is found before an
//! engine sees it: an outsider cannot make one party blame another.
//!
//! A receiver checks what is cheap first (size, session, attempt, addressing,
//! membership), then who opened the channel, unless it knows that already, then the
//! seal. Frames may arrive twice or out of order; that is for the runtime, which
//! goes by round and sender.

use countersign_domain::ids::{PartyId, SessionId};
use serde::{Deserialize, Serialize};

use crate::seal;
use crate::transcript::signing_input;

mod error;
mod opener;
mod sealer;
mod wire;

pub use error::FrameError;
pub use opener::FrameOpener;
pub use sealer::FrameSealer;
use wire::Wire;

/// The largest frame that is sealed or looked at, in bytes.
pub const MAX_FRAME: usize = 4 * 1024 * 1024;

const TAG: &str = "countersign-frame-v2";

/// Who says what to whom, at which point of which attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameHeader {
    /// The session.
    pub session: SessionId,
    /// The attempt within it, from 1.
    pub attempt: u32,
    /// The sender.
    pub from: PartyId,
    /// The receiver.
    pub to: PartyId,
    /// The protocol round that it belongs to.
    pub round: u8,
    /// What the body is.
    pub kind: FrameKind,
}

/// What the body of a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
#[non_exhaustive]
pub enum FrameKind {
    /// A message of the engine.
    Data,
    /// Asks for the frames of a round again.
    Resend,
    /// Confirms a result among the parties.
    Confirm,
}

impl From<FrameKind> for u8 {
    fn from(kind: FrameKind) -> Self {
        match kind {
            FrameKind::Data => 0,
            FrameKind::Resend => 1,
            FrameKind::Confirm => 2,
        }
    }
}

impl TryFrom<u8> for FrameKind {
    type Error = FrameError;

    fn try_from(kind: u8) -> Result<Self, FrameError> {
        match kind {
            0 => Ok(Self::Data),
            1 => Ok(Self::Resend),
            2 => Ok(Self::Confirm),
            other => Err(FrameError::Kind(other)),
        }
    }
}

/// Bytes of what opens a channel: the encapsulated key, and the sender's signature.
const OPENING: usize = seal::KEY + 64;

/// Between whom a channel is.
struct Ends<'a> {
    from: &'a PartyId,
    to: &'a PartyId,
}

impl Ends<'_> {
    /// What the sender signs; without a key, what the context is bound to. So an
    /// opening cannot be passed off as another's, nor to another.
    fn input(&self, encapsulated: &[u8]) -> Vec<u8> {
        let (from, to) = (self.from.as_str(), self.to.as_str());
        signing_input(TAG, &[from.as_bytes(), to.as_bytes(), encapsulated])
    }
}

/// Reads the header of a frame without verifying anything, to route it.
///
/// # Errors
/// [`FrameError`] when there is no header to read.
pub fn peek_header(bytes: &[u8]) -> Result<FrameHeader, FrameError> {
    Wire::parse(bytes).map(|wire| wire.header)
}

#[cfg(test)]
mod tests;
