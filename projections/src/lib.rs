//! Read models folded from the event log.
//!
//! Each projection ([`accounts`], [`keys`], [`sessions`], [`parties`],
//! [`timeline`]) is a pure function from a row and an event to the row after it; the statuses in a row are those of
//! the domain's own aggregate, which is kept beside it. The [`Projector`] follows
//! the log and hands changed rows to a [`Store`] together with the checkpoint;
//! [`ReadModels`] is what queries see of the store. [`history`] tells what they would have
//! shown at any position.
//!
//! Invariants:
//!
//! - a row shows exactly the events up to the store's checkpoint, each once;
//! - an event that cannot be decoded parks its stream, is counted and named, and
//!   stops nothing else;
//! - everything here can be thrown away and rebuilt from the log.

pub mod accounts;
mod address;
mod batch;
mod cursor;
mod fold;
pub mod history;
pub mod keys;
pub mod metrics;
pub mod parties;
pub mod postgres;
mod projection;
mod projector;
mod read_models;
pub mod sessions;
mod store;
mod time;
pub mod timeline;

use std::sync::Arc;

pub use accounts::{AccountFilter, AccountRow, AccountView};
pub use batch::{Batch, Change, SkippedEvent};
pub use cursor::{Collection, Cursor, CursorError};
pub use fold::{Loaded, Wanted};
pub use keys::{KeyFilter, KeyRow, KeyView};
pub use parties::{PartyRow, PartyView};
pub use postgres::PostgresStore;
pub use projection::{Projection, UnknownProjection};
pub use projector::Projector;
pub use read_models::{Lagging, Page, ReadModels, Status};
pub use sessions::{SessionFilter, SessionRow, SessionView, SignatureForms};
pub use store::{MemoryStore, Skipped, Store, StoreError};
pub use timeline::TimelineEntry;

/// Text that many rows have in common, such as the name of a party.
pub type Name = Arc<str>;
