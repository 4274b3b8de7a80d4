//! What queries see.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ids::{AccountId, KeyId, SessionId};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::store::Row;
use crate::{
    AccountFilter, AccountRow, Collection, Cursor, KeyFilter, KeyRow, PartyRow, SessionFilter,
    SessionRow, Skipped, Store, StoreError, TimelineEntry,
};

/// The read side of a store.
#[derive(Debug, Clone)]
pub struct ReadModels {
    store: Arc<dyn Store>,
}

/// Part of a list, the newest rows first.
#[derive(Debug, Clone)]
pub struct Page<R> {
    /// The rows.
    pub items: Vec<Arc<R>>,
    /// Where the list goes on, when it does.
    pub next: Option<Cursor>,
}

/// The read models have not reached a position in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the read models are at position {reached}, short of {wanted}")]
pub struct Lagging {
    /// The position asked for.
    pub wanted: u64,
    /// The position they are at.
    pub reached: u64,
}

/// How the read models are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Position of the last event that they show.
    pub position: u64,
    /// The events that parked their streams, because they could not be decoded.
    pub skipped: Skipped,
}

impl ReadModels {
    /// The read side of this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Position of the last event that every answer from now on shows.
    #[must_use]
    pub fn position(&self) -> u64 {
        *self.store.positions().borrow()
    }

    /// The position as it advances.
    #[must_use]
    pub fn positions(&self) -> watch::Receiver<u64> {
        self.store.positions()
    }

    /// Waits until the event at `position` shows, and tells the position then.
    ///
    /// # Errors
    /// [`Lagging`] when `timeout` passes before.
    pub async fn wait_for(&self, position: u64, timeout: Duration) -> Result<u64, Lagging> {
        let mut positions = self.store.positions();
        let reached = tokio::time::timeout(timeout, positions.wait_for(|at| *at >= position)).await;
        match reached {
            Ok(Ok(at)) => Ok(*at),
            // Too late, or nobody is left to advance it.
            Ok(Err(_)) | Err(_) => Err(Lagging {
                wanted: position,
                reached: self.position(),
            }),
        }
    }

    /// How the read models are.
    ///
    /// # Errors
    /// [`StoreError`] when the storage fails, here and below.
    pub async fn status(&self) -> Result<Status, StoreError> {
        Ok(Status {
            position: self.store.checkpoint().await?,
            skipped: self.store.skipped().await?,
        })
    }

    /// One account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account(&self, id: AccountId) -> Result<Option<Arc<AccountRow>>, StoreError> {
        self.store.account(id).await
    }

    /// One key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key(&self, id: KeyId) -> Result<Option<Arc<KeyRow>>, StoreError> {
        self.store.key(id).await
    }

    /// One session.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session(&self, id: SessionId) -> Result<Option<Arc<SessionRow>>, StoreError> {
        self.store.session(id).await
    }

    /// The records of all parties that ever took part, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn parties(&self) -> Result<Vec<Arc<PartyRow>>, StoreError> {
        self.store.parties().await
    }

    /// What happened in a session, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn timeline(&self, id: SessionId) -> Result<Vec<TimelineEntry>, StoreError> {
        self.store.timeline(id).await
    }

    /// Up to `limit` accounts, from a cursor of a list of accounts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_accounts(
        &self,
        filter: &AccountFilter,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<AccountRow>, StoreError> {
        let before = cursor.map(|cursor| cursor.before);
        let rows = self.store.accounts(filter, before, limit + 1).await?;
        Ok(page(rows, limit, Collection::Accounts))
    }

    /// Up to `limit` keys, from a cursor of a list of keys.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_keys(
        &self,
        filter: &KeyFilter,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<KeyRow>, StoreError> {
        let before = cursor.map(|cursor| cursor.before);
        let rows = self.store.keys(filter, before, limit + 1).await?;
        Ok(page(rows, limit, Collection::Keys))
    }

    /// Up to `limit` sessions, from a cursor of a list of sessions.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_sessions(
        &self,
        filter: &SessionFilter,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<SessionRow>, StoreError> {
        let before = cursor.map(|cursor| cursor.before);
        let rows = self.store.sessions(filter, before, limit + 1).await?;
        Ok(page(rows, limit, Collection::Sessions))
    }
}

/// One row more than asked for shows that the list goes on.
fn page<R: Row>(mut items: Vec<Arc<R>>, limit: usize, collection: Collection) -> Page<R> {
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| more);
    Page {
        next: last.map(|row| Cursor {
            collection,
            before: row.created_position(),
        }),
        items,
    }
}
