//! Accounts, keys and sessions as they were at a position, one by one and in lists.
//!
//! A past state is folded from the events of its own stream, by the same pure function
//! that the projections use: at the head it is what the read models say. The fold stops
//! where a projection would park the stream.
//!
//! Of a long stream [`Snapshot`]s are kept on the way, at every 256th version. They are
//! written by whoever folds such a stream, never by those who append, and nothing is
//! wrong without them: one that does not fit the log, or was not written by this very
//! version of the program, is thrown away.

mod changes;
mod entity;
mod list;
mod memory;
mod models;
mod snapshot;

use std::sync::Arc;

use countersign_event_store::{Decoder, Envelope, LogError, ReadLog, StreamId};

pub use changes::{ChangeKind, Changed, Changes, Field, fields};
pub use entity::{Entity, Kind};
pub use memory::MemorySnapshots;
pub use models::models_at;
pub use snapshot::{CODE, NoSnapshots, Snapshot, SnapshotError, Snapshots};

use snapshot::EVERY;

/// Events to a read, where there are many to fold.
const PAGE: usize = 2048;

/// Snapshots that are written at once.
const WRITTEN: usize = 64;

/// What was, from a log.
#[derive(Debug, Clone)]
pub struct History {
    log: Arc<dyn ReadLog>,
    snapshots: Arc<dyn Snapshots>,
    decoder: Decoder,
}

/// An account, a key or a session at a position.
#[derive(Debug, Clone)]
pub struct Past<E> {
    /// Its row; none when it did not exist yet.
    pub row: Option<E>,
    /// How many events of its stream it is made of.
    pub version: u64,
    /// Whether its stream is parked there: its next event cannot be decoded.
    pub parked: bool,
}

impl<E> Default for Past<E> {
    fn default() -> Self {
        Self {
            row: None,
            version: 0,
            parked: false,
        }
    }
}

impl<E: Entity> Past<E> {
    /// Folds the next event of the stream.
    fn take(&mut self, decoder: &Decoder, envelope: &Envelope) {
        if self.parked {
            return;
        }
        match decoder.decode(envelope) {
            Ok(decoded) => {
                E::fold(&mut self.row, &envelope.recorded(), &decoded);
                self.version = envelope.version;
            }
            Err(_) => self.parked = true,
        }
    }
}

impl History {
    /// The history in a log.
    #[must_use]
    pub fn new(log: Arc<dyn ReadLog>) -> Self {
        Self {
            log,
            snapshots: Arc::new(NoSnapshots),
            decoder: Decoder::default(),
        }
    }

    /// Keeps snapshots here.
    #[must_use]
    pub fn with_snapshots(self, snapshots: Arc<dyn Snapshots>) -> Self {
        Self { snapshots, ..self }
    }

    /// Decodes events of older versions too.
    #[must_use]
    pub fn with_decoder(self, decoder: Decoder) -> Self {
        Self { decoder, ..self }
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Arc<dyn ReadLog> {
        &self.log
    }

    /// An account, a key or a session after the event at `position`.
    ///
    /// # Errors
    /// [`LogError`] when the log cannot be read. Failures of the snapshots are logged,
    /// and done without.
    pub async fn at<E: Entity>(&self, id: E::Id, position: u64) -> Result<Past<E>, LogError> {
        self.of_stream(&E::stream(id), position).await
    }

    pub(crate) async fn of_stream<E: Entity>(
        &self,
        stream: &StreamId,
        position: u64,
    ) -> Result<Past<E>, LogError> {
        let (mut past, mut page, mut asked) = self.begin(stream, position).await?;
        let mut taken = vec![];
        loop {
            let ended = page.len() < asked;
            let mut passed = false;
            for envelope in &page {
                passed = envelope.position > position;
                if passed || past.parked {
                    break;
                }
                past.take(&self.decoder, envelope);
                if past.version == envelope.version && past.version.is_multiple_of(EVERY) {
                    let row = past.row.as_ref();
                    taken.extend(row.and_then(|row| Snapshot::take(envelope, row)));
                }
            }
            let done = ended || passed || past.parked;
            if taken.len() >= WRITTEN || done && !taken.is_empty() {
                self.keep(std::mem::take(&mut taken)).await;
            }
            if done {
                return Ok(past);
            }
            // Versions have no gaps, so they say where the next page begins.
            asked = PAGE;
            page = self.log.read_stream(stream, past.version, asked).await?;
        }
    }

    /// The state to begin with, the first events to fold into it, and how many of them
    /// were asked for.
    async fn begin<E: Entity>(
        &self,
        stream: &StreamId,
        position: u64,
    ) -> Result<(Past<E>, Vec<Arc<Envelope>>, usize), LogError> {
        // The event that a snapshot was taken at, and all up to the next one.
        let few = usize::try_from(EVERY).unwrap_or(PAGE) + 1;
        if let Some(snapshot) = self.latest(stream, position).await {
            let after = snapshot.version.saturating_sub(1);
            let mut page = self.log.read_stream(stream, after, few).await?;
            let anchor = page.first().map(|anchor| snapshot.open(stream, anchor));
            match anchor.unwrap_or(Err(SnapshotError::Elsewhere)) {
                Ok(row) => {
                    page.remove(0);
                    let past = Past {
                        row: Some(row),
                        version: snapshot.version,
                        parked: false,
                    };
                    return Ok((past, page, few - 1));
                }
                Err(error) => self.discard(stream, &error).await,
            }
        }
        let page = self.log.read_stream(stream, 0, few).await?;
        Ok((Past::default(), page, few))
    }

    async fn latest(&self, stream: &StreamId, position: u64) -> Option<Snapshot> {
        let latest = self.snapshots.latest(stream, position).await;
        latest.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "no snapshots");
            None
        })
    }

    async fn keep(&self, taken: Vec<Snapshot>) {
        if let Err(error) = self.snapshots.save(taken).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "snapshots are not kept"
            );
        }
    }

    async fn discard(&self, stream: &StreamId, why: &SnapshotError) {
        tracing::warn!(%stream, %why, "the snapshots of a stream are thrown away");
        if let Err(error) = self.snapshots.discard(stream).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "snapshots cannot be thrown away"
            );
        }
    }
}
