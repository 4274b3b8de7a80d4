//! The port behind which rows are kept, and the store in memory.

mod memory;

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

pub use memory::MemoryStore;

use crate::{
    AccountFilter, AccountRow, Batch, KeyFilter, KeyRow, SessionFilter, SessionRow, SkippedEvent,
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
