//! The state of a stream at one of its events, kept to begin later folds with.

use std::fmt::Debug;

use async_trait::async_trait;
use countersign_event_store::{Envelope, StreamId};
use sha2::{Digest as _, Sha256};

use super::Entity;
use crate::StoreError;

/// Versions from one snapshot of a stream to the next.
pub(super) const EVERY: u64 = 256;

/// The version of the program and, after the slash, of the folds and rows in it. Raise
/// the latter whenever a row or what an event does to it changes within one version of
/// the program.
pub const CODE: &str = concat!(env!("CARGO_PKG_VERSION"), "/1");

/// The state of a stream at one of its events. Nothing in it is believed before
/// [`Snapshot::open`] has compared it with the event itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The stream.
    pub stream: StreamId,
    /// Version of the event.
    pub version: u64,
    /// Position of the event.
    pub position: u64,
    /// [`Envelope::hash`] of the event. It is chained to all events of the stream before.
    pub hash: [u8; 32],
    /// The [`CODE`] that folded it.
    pub code: String,
    /// The row, as JSON.
    pub state: String,
    /// SHA-256 over all of this: tells a damaged snapshot, and no more than that.
    pub sum: [u8; 32],
}

/// Why a snapshot is of no use.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It is damaged.
    #[error("it is damaged")]
    Damaged,
    /// It was made by other code.
    #[error("it was made by version {0} of the folds, and this is {CODE}")]
    Code(String),
    /// It is of another stream, or of an event that is not in the log.
    #[error("it is not of an event of the stream")]
    Elsewhere,
    /// It is no row.
    #[error("its state is no row")]
    State(#[from] serde_json::Error),
}

impl Snapshot {
    /// A snapshot of the row that the event led to; none of a row that cannot be
    /// written down.
    pub fn take<E: Entity>(event: &Envelope, row: &E) -> Option<Self> {
        let mut snapshot = Self {
            stream: event.stream.clone(),
            version: event.version,
            position: event.position,
            hash: event.hash(),
            code: CODE.to_owned(),
            state: serde_json::to_string(row).ok()?,
            sum: [0; 32],
        };
        snapshot.sum = snapshot.compute_sum();
        Some(snapshot)
    }

    /// The row, if this is a whole snapshot by this code, taken at this event of this
    /// stream.
    ///
    /// # Errors
    /// [`SnapshotError`] says what is wrong with it.
    pub fn open<E: Entity>(&self, stream: &StreamId, event: &Envelope) -> Result<E, SnapshotError> {
        if self.sum != self.compute_sum() {
            return Err(SnapshotError::Damaged);
        }
        if self.code != CODE {
            return Err(SnapshotError::Code(self.code.clone()));
        }
        let taken_at = (&self.stream, self.version, self.position);
        if &self.stream != stream
            || taken_at != (&event.stream, event.version, event.position)
            || self.hash != event.hash()
        {
            return Err(SnapshotError::Elsewhere);
        }
        Ok(serde_json::from_str(&self.state)?)
    }

    /// The sum that this snapshot should have.
    #[must_use]
    pub fn compute_sum(&self) -> [u8; 32] {
        let mut sum = Sha256::new();
        let texts = [
            &*self.stream.aggregate_type,
            &self.stream.aggregate_id,
            &self.code,
            &self.state,
        ];
        for text in texts {
            sum.update((text.len() as u64).to_be_bytes());
            sum.update(text);
        }
        sum.update(self.version.to_be_bytes());
        sum.update(self.position.to_be_bytes());
        sum.update(self.hash);
        sum.finalize().into()
    }

    /// How many bytes it takes, about.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>() + self.state.len() + self.stream.aggregate_id.len()
    }
}

/// Keeps snapshots. It may lose any of them at any time.
#[async_trait]
pub trait Snapshots: Send + Sync + Debug {
    /// The last snapshot of a stream up to a position, of those that this [`CODE`] made.
    ///
    /// # Errors
    /// [`StoreError`] when the storage fails, here and below.
    async fn latest(
        &self,
        stream: &StreamId,
        position: u64,
    ) -> Result<Option<Snapshot>, StoreError>;

    /// Keeps snapshots, in place of others that were taken at the same events.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn save(&self, snapshots: Vec<Snapshot>) -> Result<(), StoreError>;

    /// Throws all snapshots of a stream away.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn discard(&self, stream: &StreamId) -> Result<(), StoreError>;
}

/// None are kept.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSnapshots;

#[async_trait]
impl Snapshots for NoSnapshots {
    async fn latest(&self, _: &StreamId, _: u64) -> Result<Option<Snapshot>, StoreError> {
        Ok(None)
    }

    async fn save(&self, _: Vec<Snapshot>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn discard(&self, _: &StreamId) -> Result<(), StoreError> {
        Ok(())
    }
}
