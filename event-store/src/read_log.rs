//! The read half of a log, for those who look at what was.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Envelope, EventLog, LogError, SqliteReader, StreamId};

/// A log that is read and never written to: one that is open, or the file of one that
/// another process may have open. The reads are those of [`EventLog`].
#[async_trait]
pub trait ReadLog: Send + Sync + Debug {
    /// Position of the last event; 0 for an empty log.
    ///
    /// # Errors
    ///
    /// When the log cannot be read, here and below; there is no partial answer.
    async fn head(&self) -> Result<u64, LogError>;

    /// Up to `limit` events of all streams, after a position, in order. Fewer than
    /// `limit` means the log's end.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    async fn read_all(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, LogError>;

    /// Up to `limit` events of a stream, after a version, in order. Fewer than `limit`
    /// means the stream's end.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    async fn read_stream(
        &self,
        stream: &StreamId,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<Arc<Envelope>>, LogError>;
}

#[async_trait]
impl ReadLog for Arc<dyn EventLog> {
    async fn head(&self) -> Result<u64, LogError> {
        EventLog::head(&**self).await
    }

    async fn read_all(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, LogError> {
        EventLog::read_all(&**self, after, limit).await
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<Arc<Envelope>>, LogError> {
        EventLog::read_stream(&**self, stream, after_version, limit).await
    }
}

#[async_trait]
impl ReadLog for SqliteReader {
    async fn head(&self) -> Result<u64, LogError> {
        Self::head(self).await
    }

    async fn read_all(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, LogError> {
        Self::read_all(self, after, limit).await
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<Arc<Envelope>>, LogError> {
        Self::read_stream(self, stream, after_version, limit).await
    }
}
