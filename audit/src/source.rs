//! Where events come from: a log that is open, a file of one, or a server.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_domain::ids::AccountId;
use countersign_event_store::{Envelope, EventLog, LogError, PersonalKey, SqliteReader};

/// Keys to the personal data of accounts.
pub type PersonalKeyMap = HashMap<AccountId, PersonalKey>;

/// The read half of a log, as far as proof needs it.
#[async_trait]
pub trait Source: Send + Sync + Debug {
    /// Position of the last event; 0 for an empty log.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    async fn head(&self) -> Result<u64, LogError>;

    /// Up to `limit` events after a position, in order. Fewer than `limit` need not
    /// mean the log's end; none does.
    ///
    /// # Errors
    ///
    /// When the log cannot be read; there is no partial answer.
    async fn read(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, LogError>;
}

#[async_trait]
impl Source for Arc<dyn EventLog> {
    async fn head(&self) -> Result<u64, LogError> {
        EventLog::head(&**self).await
    }

    async fn read(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, LogError> {
        self.read_all(after, limit).await
    }
}

#[async_trait]
impl Source for SqliteReader {
    async fn head(&self) -> Result<u64, LogError> {
        self.head().await
    }

    async fn read(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, LogError> {
        self.read_all(after, limit).await
    }
}

#[async_trait]
impl Source for Arc<SqliteReader> {
    async fn head(&self) -> Result<u64, LogError> {
        SqliteReader::head(self).await
    }

    async fn read(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, LogError> {
        self.read_all(after, limit).await
    }
}
