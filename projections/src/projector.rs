//! Follows the log and keeps a store up with it.

use std::sync::Arc;
use std::time::Duration;

use countersign_event_store::{Decoder, Envelope, EventLog, LogError, subscribe};
use futures::StreamExt as _;
use tokio::sync::watch;

use crate::fold::batch;
use crate::{ReadModels, Status, Store, StoreError};

/// The most events that are handed to the store at once.
const BATCH: usize = 1024;

/// How long to wait before a failed store is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Folds the events of a log into a store.
///
/// Any number may run over one store: a batch that does not follow the store's
/// checkpoint is refused, and its projector starts again from there.
#[derive(Debug)]
pub struct Projector {
    log: Arc<dyn EventLog>,
    store: Arc<dyn Store>,
    decoder: Decoder,
    retry: Duration,
}

impl Projector {
    /// A projector from `log` into `store`.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, store: Arc<dyn Store>) -> Self {
        Self {
            log,
            store,
            decoder: Decoder::default(),
            retry: RETRY,
        }
    }

    /// Decodes events of older versions too.
    #[must_use]
    pub fn with_decoder(self, decoder: Decoder) -> Self {
        Self { decoder, ..self }
    }

    /// How long to wait before a failed store is tried again.
    #[must_use]
    pub fn with_retry(self, retry: Duration) -> Self {
        Self { retry, ..self }
    }

    /// What queries see of the store.
    #[must_use]
    pub fn read_models(&self) -> ReadModels {
        ReadModels::new(self.store.clone())
    }

    /// The position that the store is at, as it advances.
    #[must_use]
    pub fn positions(&self) -> watch::Receiver<u64> {
        self.store.positions()
    }

    /// The position that the store is at, and the events that were passed over.
    ///
    /// # Errors
    /// [`StoreError`] when the storage fails.
    pub async fn status(&self) -> Result<Status, StoreError> {
        self.read_models().status().await
    }

    /// Folds from the store's checkpoint on, until the log is closed. Failures of
    /// the log and the store are logged and tried again.
    pub async fn run(&self) {
        loop {
            match self.follow().await {
                Ok(()) => return,
                Err(error) => {
                    tracing::error!(%error, "the projector starts again from the checkpoint");
                    tokio::time::sleep(self.retry).await;
                }
            }
        }
    }

    async fn follow(&self) -> Result<(), StoreError> {
        let checkpoint = self.store.checkpoint().await?;
        let mut parked = self.store.parked().await?;
        let mut chunks = subscribe(self.log.clone(), checkpoint).ready_chunks(BATCH);
        let mut failing = false;
        while let Some(chunk) = chunks.next().await {
            let (events, error) = up_to_failure(chunk);
            if !events.is_empty() {
                failing = false;
                let events = self.decoder.decode_all(events);
                let batch = batch(&*self.store, &events, &mut parked).await?;
                self.store.commit(batch).await?;
            }
            match error {
                None => {}
                Some(LogError::Closed) => break,
                // The subscription tries again from where it was.
                Some(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "the log cannot be followed");
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// A chunk has at most one failure that matters, the first; what follows it is
/// the same again.
fn up_to_failure(
    chunk: Vec<Result<Arc<Envelope>, LogError>>,
) -> (Vec<Arc<Envelope>>, Option<LogError>) {
    let mut events = Vec::with_capacity(chunk.len());
    let mut failure = None;
    for item in chunk {
        match item {
            Ok(envelope) => events.push(envelope),
            Err(error) => {
                failure.get_or_insert(error);
            }
        }
    }
    (events, failure)
}
