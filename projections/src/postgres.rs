//! The read models in PostgreSQL: for processes that share them.
//!
//! Each projection has tables of its own, and there may be several versions of
//! them: the active one, which queries read, and one that a rebuild fills. A
//! version's rows, its checkpoint and what it has parked change in one
//! transaction, which locks the version first: two projectors over one version
//! cannot apply an event twice, whatever they believe of their leases.
//!
//! - [`PostgresStore`] is what queries read.
//! - [`Projectors`] keeps the active versions up with the log.
//! - [`Rebuild`] fills new versions beside the traffic and swaps them in.
//! - [`PastVersions`] fills versions that show the past.
//! - [`verify()`] compares what is stored with what the log says.
//! - [`PostgresSnapshots`] keeps states of long streams for [`crate::history`].
//! - [`list()`] and [`status()`] tell how the versions are.

mod commit;
mod copy;
mod exclusive;
mod failure;
mod fill;
mod group;
mod lane;
mod load;
mod pages;
mod past;
mod projectors;
mod rebuild;
mod registry;
mod snapshots;
mod status;
mod store;
mod verify;
mod write;

pub use past::{PastVersion, PastVersions, drop_past};
pub use projectors::{LEASE, Projectors, run};
pub use rebuild::{Phase, Progress, Rebuild, Rebuilt};
pub use snapshots::PostgresSnapshots;
pub use status::{ProjectionStatus, Version, VersionState, list, status};
pub use store::PostgresStore;
pub use verify::{Deviation, Difference, Verified, verify};
