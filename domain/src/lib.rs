//! The aggregates, intents and decisions of Countersign: no input or output, no
//! clock, no randomness. Time, identifiers and entropy come in as arguments.
//!
//! Three aggregates ([`account`], [`key`], [`session`]) decide commands into
//! events and evolve their state from them; [`process`] turns events into the
//! next commands. Everything that a party or an auditor has to check again
//! (intents, receipts, signatures) is verified by functions of this crate.

pub mod account;
pub mod auth_key;
pub mod bytes;
pub mod decider;
pub mod digest;
pub mod engine;
pub mod ids;
pub mod intent;
mod json;
pub mod jws;
pub mod key;
pub mod path;
pub mod personal;
pub mod process;
pub mod quorum;
pub mod receipt;
pub mod roster;
pub mod session;
pub mod signature;
mod text;

/// An instant, UTC.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
