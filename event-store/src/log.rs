//! The contract that every adapter keeps.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    Append, AppendError, Appended, CommandEntry, DecodedEvent, Decoder, Envelope, LogError,
    StreamId,
};

/// An append-only log of events in streams, under one gapless order.
#[async_trait]
pub trait EventLog: Send + Sync + Debug {
    /// Appends everything or nothing, and returns when it is durable.
    ///
    /// The command is looked up first (a repeat answers with what it did then),
    /// then the versions are checked, then the reservations. The events take
    /// contiguous positions in the order given. When the returned future is
    /// dropped the append may still happen.
    ///
    /// # Errors
    ///
    /// See [`AppendError`]; only with `Log` can the append have happened.
    async fn append(&self, append: Append) -> Result<Appended, AppendError>;

    /// Up to `limit` events of a stream, after a version, in order. Fewer than
    /// `limit` means the stream's end.
    ///
    /// # Errors
    ///
    /// When the log cannot be read; there is no partial answer.
    async fn read_stream(
        &self,
        stream: &StreamId,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<Arc<Envelope>>, LogError>;

    /// Up to `limit` events of all streams, after a position, in order. Fewer than
    /// `limit` means the log's end.
    ///
    /// # Errors
    ///
    /// When the log cannot be read; there is no partial answer.
    async fn read_all(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, LogError>;

    /// As [`EventLog::read_all`], for those who want to know what events say and need
    /// nothing else of them. An event that cannot be decoded fails by itself.
    ///
    /// # Errors
    ///
    /// When the log cannot be read; there is no partial answer.
    async fn read_decoded(
        &self,
        after: u64,
        limit: usize,
        decoder: &Decoder,
    ) -> Result<Vec<DecodedEvent>, LogError> {
        Ok(decoder.decode_all(self.read_all(after, limit).await?))
    }

    /// The command, if it was appended.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    async fn find_command(&self, id: Uuid) -> Result<Option<CommandEntry>, LogError>;

    /// Position of the last event; 0 for an empty log.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    async fn head(&self) -> Result<u64, LogError>;

    /// The last committed position as far as this process knows, as it advances.
    fn wake(&self) -> watch::Receiver<u64>;

    /// Says from how many sessions in work more appends will come soon. A log may let
    /// appends gather for them.
    fn in_work(&self, _sessions: usize) {}
}
