//! Threshold-signing protocols as state machines without I/O.
//!
//! The [`Engine`] port makes one [`Ceremony`] per session attempt: it is started
//! once, is fed what the peers send, and answers with what is to be sent, until
//! it yields an [`Outcome`] or an [`Abort`] that says what to do next and whom to
//! blame. Nothing here reads a clock, a socket or a file, and nothing outside
//! this module names the protocol library behind an engine.
//!
//! Invariants that every engine keeps:
//!
//! - messages may arrive in any order and any number of times; what arrives early
//!   is kept, bounded in number and size;
//! - two different messages of one party in one round are equivocation, and end
//!   the ceremony with that party as the culprit;
//! - no input makes an engine panic, and no error or `Debug` output has secrets;
//! - a signature has been verified with `k256` before it is an outcome.

mod abort;
pub mod dkls23;
mod driver;
mod error;
mod inbox;
mod port;
mod share;

pub use abort::{Abort, AbortKind};
pub use dkls23::Dkls23;
pub use error::EngineError;
pub use port::{
    Awaited, Capabilities, Ceremony, Engine, EngineSignature, GeneratedKey, KeygenInput, Outcome,
    Outgoing, PartyIndex, Recipient, SignInput, Step,
};
pub use share::SecretShare;
