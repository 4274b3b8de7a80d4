//! The session aggregate: one run of a protocol among some parties.

mod attempt;
mod authorised;
mod command;
mod decide;
mod error;
mod event;
mod evolve;
mod invitation;
mod legal;
mod signers;
mod state;

pub use command::{NewSession, SessionCommand};
pub use error::SessionError;
pub use event::{
    AttemptFailure, DeviceInfo, FailureReason, Invitee, Report, SessionEvent, SignRequest,
};
pub use invitation::{SessionInvitation, Token};
pub use legal::IllegalEvent;
pub use signers::pick;
pub use state::{
    Accusations, Participant, ParticipantStatus, Session, SessionKind, SessionState, SessionStatus,
};

use crate::bytes::{Digest, Hex};
use crate::decider::cqrs_bridge;

cqrs_bridge!(Session, SessionEvent, SessionCommand, SessionError);

/// The form in which a join token stands in the log: its SHA-256.
#[must_use]
pub fn token_hash(token: &[u8; 32]) -> Digest {
    use sha2::Digest as _;
    Hex(sha2::Sha256::digest(token).into())
}
