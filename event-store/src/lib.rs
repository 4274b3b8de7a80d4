//! The event log: one contract, its adapters, catch-up subscriptions.
//!
//! [`EventLog`] is the contract. [`SqliteLog`] keeps it in one file, [`PostgresLog`]
//! in a database that any number of processes share. [`subscribe`] follows any
//! adapter from any position. [`ReadLog`] is the read half of the contract, and a
//! [`Point`] a place in it. [`Owners`] tells
//! whom an event belongs to, [`EventFilter`] picks some. [`Upcasters`] bring the payloads of
//! stored events up to the version that the code knows. [`ChainVerifier`] checks
//! what a log returned. [`personal`] seals what names a person, and [`PersonalKeys`] are
//! the keys to that, beside the log.
//!
//! Invariants that every adapter keeps, and that the `conformance` suite (a cargo
//! feature) tests:
//!
//! - positions start at 1, have no gaps and follow the order of commits;
//! - an append happens whole or not at all, and is acknowledged only when durable;
//! - each event carries the hash of the event before it in its stream;
//! - a read that was cut short is an error, never a shorter answer.

mod append;
pub mod canonical;
mod chain;
mod checkpoint;
#[cfg(feature = "conformance")]
pub mod conformance;
mod decode;
mod envelope;
mod error;
mod filter;
mod lease;
mod line;
mod log;
mod metadata;
pub mod metrics;
mod owner;
pub mod personal;
mod plan;
mod point;
pub mod postgres;
mod read_log;
mod recent;
mod sqlite;
mod subscription;
mod tails;
mod upcast;

pub use append::{
    Append, Appended, CommandEntry, CommandRecord, ExpectedVersion, Metadata, NewEvent,
    Reservation, StreamAppend,
};
pub use chain::{ChainError, ChainVerifier};
pub use checkpoint::{Checkpoints, NoCheckpoints};
pub use decode::{DecodeError, Decoded, DecodedEvent, Decoder};
pub use envelope::{Envelope, Recorded, StreamId};
pub use error::{AppendError, LogError};
pub use filter::{EventFilter, UnknownType, event_types, known_type};
pub use lease::{Lease, LeasedWork, Leases, LocalLeases, Terms, while_held};
pub use line::NotCanonical;
pub use log::EventLog;
pub use owner::{Owner, Owners};
pub use personal::{HashKey, PersonalChange, PersonalKey, PersonalKeys};
pub use point::{DISORDER, Point, PointError};
pub use postgres::{PostgresCheckpoints, PostgresConfig, PostgresLeases, PostgresLog};
pub use read_log::ReadLog;
pub use sqlite::{SqliteLog, SqliteReader};
pub use subscription::{Subscription, subscribe};
pub use upcast::{Upcast, UpcastError, Upcasters};
