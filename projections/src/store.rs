//! The port behind which rows are kept, and the store in memory.

mod memory;

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_domain::ids::{AccountId, KeyId, PartyId, SessionId};
use countersign_event_store::{LogError, StreamId};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

pub use memory::MemoryStore;

use crate::{
    AccountFilter, AccountRow, Batch, KeyFilter, KeyRow, Loaded, PartyRow, Projection,
    SessionFilter, SessionRow, SkippedEvent, TimelineEntry, Wanted,
};

/// Why a store could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The storage failed.
    #[error("the read models failed: {operation}")]
    Storage {
        /// What was being done.
        operation: &'static str,
        /// The cause.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// Another projector has been here: start again from the checkpoint.
    #[error("the batch follows position {after}, and the checkpoint is {checkpoint}")]
    Overtaken {
        /// The checkpoint that the batch builds on.
        after: u64,
        /// The store's checkpoint.
        checkpoint: u64,
    },
    /// The log that is folded failed.
    #[error("the log cannot be followed")]
    Log(#[from] LogError),
    /// A stored row is not one.
    #[error("a stored row of {projection} cannot be read")]
    Damaged {
        /// Of which projection.
        projection: Projection,
        /// What is wrong with it.
        #[source]
        source: Arc<serde_json::Error>,
    },
    /// The version is not the active one any more.
    #[error("version {version} of {projection} has been replaced")]
    Replaced {
        /// Of which projection.
        projection: Projection,
        /// Which version.
        version: u32,
    },
    /// There is no such version that shows the past.
    #[error("there is no version {version} of {projection} that shows the past")]
    NotPast {
        /// Which projection.
        projection: Projection,
        /// Which version.
        version: u32,
    },
    /// A version that shows the past shows more of it than was asked for.
    #[error("it shows position {position} already, which is beyond {to}")]
    Beyond {
        /// What the furthest of the versions shows.
        position: u64,
        /// What was asked for.
        to: u64,
    },
    /// A rebuild or verification runs already.
    #[error("a rebuild or verification runs already")]
    Busy,
    /// It was called off.
    #[error("called off")]
    Cancelled,
}

/// What a store has passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// How many events in all.
    pub count: u64,
    /// The first of them, as many as the store cares to keep.
    pub events: Vec<SkippedEvent>,
}

/// Keeps the rows of all projections and one checkpoint for them.
///
/// Lists are in the order of creation positions, the newest first.
#[async_trait]
pub trait Store: Send + Sync + Debug {
    /// Position of the last event that the rows show; 0 when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when the storage fails, here and below.
    async fn checkpoint(&self) -> Result<u64, StoreError>;

    /// The checkpoint as far as this process knows, as it advances.
    fn positions(&self) -> watch::Receiver<u64>;

    /// Applies a batch: all of it, with its checkpoint, or nothing.
    ///
    /// # Errors
    /// [`StoreError::Overtaken`] when the batch does not follow the checkpoint.
    async fn commit(&self, batch: Batch) -> Result<(), StoreError>;

    /// The events that were passed over.
    async fn skipped(&self) -> Result<Skipped, StoreError>;

    /// The streams that are parked.
    async fn parked(&self) -> Result<HashSet<StreamId>, StoreError>;

    /// The rows that a batch is folded from.
    async fn load(&self, wanted: &Wanted) -> Result<Loaded, StoreError>;

    /// One account.
    async fn account(&self, id: AccountId) -> Result<Option<Arc<AccountRow>>, StoreError>;

    /// One key.
    async fn key(&self, id: KeyId) -> Result<Option<Arc<KeyRow>>, StoreError>;

    /// One session.
    async fn session(&self, id: SessionId) -> Result<Option<Arc<SessionRow>>, StoreError>;

    /// Up to `limit` accounts, created before a position if one is given.
    async fn accounts(
        &self,
        filter: &AccountFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<AccountRow>>, StoreError>;

    /// Up to `limit` keys, created before a position if one is given.
    async fn keys(
        &self,
        filter: &KeyFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<KeyRow>>, StoreError>;

    /// Up to `limit` sessions, created before a position if one is given.
    async fn sessions(
        &self,
        filter: &SessionFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<SessionRow>>, StoreError>;

    /// One party's record; none when it never took part.
    async fn party(&self, id: &PartyId) -> Result<Option<Arc<PartyRow>>, StoreError>;

    /// The records of all parties that ever took part, by name.
    async fn parties(&self) -> Result<Vec<Arc<PartyRow>>, StoreError>;

    /// What happened in a session, in order.
    async fn timeline(&self, id: SessionId) -> Result<Vec<TimelineEntry>, StoreError>;
}

/// What a table has to know of its rows.
pub(crate) trait Row: Clone {
    /// A property that rows are looked up by.
    type Facet: Clone + Eq + Hash + Debug + Send + Sync;
    /// Which rows to list.
    type Filter;

    /// The id, unique in the table.
    fn id(&self) -> Uuid;

    /// The position of the first event, which never changes.
    fn created_position(&self) -> u64;

    /// All properties of this row.
    fn facets(&self) -> Vec<Self::Facet>;

    /// The properties that a row must have to be listed.
    fn wanted(filter: &Self::Filter) -> Vec<Self::Facet>;
}
