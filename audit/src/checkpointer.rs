//! Signs the growth of a log, beside the appends.
//!
//! A [`Checkpointer`] reads what was appended like any other follower, keeps the
//! right edge of the tree, and signs its root every so many events or so often. It
//! never signs a tree that is smaller than, or does not extend, the one it signed
//! before: whoever put an old or another log in its place is told so.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_event_store::{EventLog, LogError};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::checkpoint::{Checkpoint, CheckpointFault, SignedCheckpoint};
use crate::merkle::{Frontier, Hash};
use crate::metrics;
use crate::note::SigningKey;
use crate::source::Source;

/// How many events are read at once.
const PAGE: usize = 1000;

/// How long to wait after a failure.
const REST: Duration = Duration::from_secs(5);

/// How often to look for what other processes append.
const LOOK: Duration = Duration::from_millis(200);

/// What a checkpointer keeps for its next start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The newest checkpoint.
    pub checkpoint: SignedCheckpoint,
    /// What is needed to go on from there; without it the log is read again.
    pub edge: Option<KeptEdge>,
}

/// The edge of the tree of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptEdge {
    /// The edge.
    pub frontier: Frontier,
    /// The last leaf: it tells another log from this one.
    #[serde(with = "hex::serde")]
    pub last_leaf: Hash,
}

/// Keeps checkpoints, outside the database whose log they are about.
#[async_trait]
pub trait CheckpointStore: Send + Sync + Debug {
    /// The newest that was kept.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    async fn latest(&self) -> Result<Option<Kept>, StoreError>;

    /// Keeps one that is newer than all before, durably.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    async fn save(&self, kept: &Kept) -> Result<(), StoreError>;
}

/// A store of checkpoints failed.
#[derive(Debug, thiserror::Error)]
#[error("the checkpoints cannot be kept: {detail}")]
pub struct StoreError {
    /// What was being done, and why it failed.
    pub detail: String,
}

/// Why there is no checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The log ends before the newest checkpoint.
    #[error(
        "the log has {head} events, and {signed} were signed before: it was rolled back or \
         replaced by an older one; restore the log that was signed"
    )]
    RolledBack {
        /// Events in the log.
        head: u64,
        /// Events in the newest checkpoint.
        signed: u64,
    },
    /// The log is not the one that was signed.
    #[error(
        "the log is not the one whose first {signed} events were signed before: it was changed \
         or replaced; restore the log that was signed"
    )]
    Forked {
        /// Events in the newest checkpoint.
        signed: u64,
    },
    /// The newest checkpoint is not by this key, or was changed.
    #[error("the newest checkpoint cannot be gone on from: {0}")]
    Checkpoint(#[from] CheckpointFault),
    /// The log skips positions.
    #[error("position {found} follows position {after}")]
    Gap {
        /// The position before.
        after: u64,
        /// The next one.
        found: u64,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Checkpoints cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CheckpointError {
    /// Whether trying again may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Log(_) | Self::Store(_))
    }
}

/// When to sign.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// At the latest after so many events.
    pub events: u64,
    /// At the latest after so long, when there is anything new.
    pub interval: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            events: 1000,
            interval: Duration::from_secs(2),
        }
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Checkpointer {
    key: SigningKey,
    store: Arc<dyn CheckpointStore>,
    frontier: Frontier,
    last_leaf: Hash,
    signed: u64,
}

impl Checkpointer {
    /// Goes on from the newest checkpoint of the store, which must be one of this log.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`]; `RolledBack` and `Forked` mean that nothing will be signed
    /// until the log is the one that was signed before.
    pub async fn open(
        source: &dyn Source,
        key: SigningKey,
        store: Arc<dyn CheckpointStore>,
    ) -> Result<Self, CheckpointError> {
        let mut checkpointer = Self {
            key,
            store,
            frontier: Frontier::new(),
            last_leaf: Hash::default(),
            signed: 0,
        };
        if let Some(kept) = checkpointer.store.latest().await? {
            checkpointer.resume(source, kept).await?;
        }
        Ok(checkpointer)
    }

    async fn resume(&mut self, source: &dyn Source, kept: Kept) -> Result<(), CheckpointError> {
        kept.checkpoint
            .verify(std::slice::from_ref(self.key.verifier()))?;
        let signed = kept.checkpoint.checkpoint();
        let (size, root) = (signed.size, signed.root);
        if signed.origin != self.key.verifier().name() {
            return Err(CheckpointFault::Origin {
                found: signed.origin.clone(),
                expected: self.key.verifier().name().to_owned(),
            }
            .into());
        }
        let head = source.head().await?;
        if head < size {
            return Err(CheckpointError::RolledBack { head, signed: size });
        }
        let fits = |edge: &KeptEdge| edge.frontier.size() == size && edge.frontier.root() == root;
        match kept.edge.filter(fits) {
            Some(edge) => {
                self.frontier = edge.frontier;
                self.last_leaf = edge.last_leaf;
                self.compare_last(source).await?;
            }
            // The edge is only a short cut.
            None => self.advance(source, size).await?,
        }
        if self.frontier.root() != root {
            return Err(CheckpointError::Forked { signed: size });
        }
        self.signed = size;
        Ok(())
    }

    async fn compare_last(&self, source: &dyn Source) -> Result<(), CheckpointError> {
        let size = self.frontier.size();
        let Some(before) = size.checked_sub(1) else {
            return Ok(());
        };
        let last = source.read(before, 1).await?;
        match last.first() {
            Some(event) if event.position == size && event.hash() == self.last_leaf => Ok(()),
            _ => Err(CheckpointError::Forked { signed: size }),
        }
    }

    /// Takes the events up to the position `to`, or to the end of the log.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Log`] or [`CheckpointError::Gap`].
    pub async fn advance(&mut self, source: &dyn Source, to: u64) -> Result<(), CheckpointError> {
        while self.frontier.size() < to {
            let after = self.frontier.size();
            let limit = usize::try_from(to - after).map_or(PAGE, |left| left.min(PAGE));
            let page = source.read(after, limit).await?;
            if page.is_empty() {
                break;
            }
            for event in page {
                let (after, found) = (self.frontier.size(), event.position);
                if found != after + 1 {
                    return Err(CheckpointError::Gap { after, found });
                }
                self.last_leaf = event.hash();
                self.frontier.push(self.last_leaf);
            }
        }
        Ok(())
    }

    /// Events that were taken.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Events that were taken and are not signed.
    pub fn unsigned(&self) -> u64 {
        self.frontier.size() - self.signed
    }

    /// Signs what was taken, and keeps it; none when that was signed before.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Store`].
    pub async fn sign(&mut self) -> Result<Option<SignedCheckpoint>, CheckpointError> {
        if self.unsigned() == 0 {
            return Ok(None);
        }
        let checkpoint = Checkpoint {
            origin: self.key.verifier().name().to_owned(),
            size: self.frontier.size(),
            root: self.frontier.root(),
            extensions: vec![],
        }
        .sign(&self.key)?;
        let kept = Kept {
            checkpoint,
            edge: Some(KeptEdge {
                frontier: self.frontier.clone(),
                last_leaf: self.last_leaf,
            }),
        };
        self.store.save(&kept).await?;
        self.signed = self.frontier.size();
        metrics::signed(self.signed);
        Ok(Some(kept.checkpoint))
    }

    /// Follows a log until told to stop, and signs all there is then.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`] when trying again is of no use.
    pub async fn run(
        log: Arc<dyn EventLog>,
        key: SigningKey,
        store: Arc<dyn CheckpointStore>,
        pace: Pace,
        stop: CancellationToken,
    ) -> Result<(), CheckpointError> {
        loop {
            let followed = match Self::open(&log, key.clone(), store.clone()).await {
                Ok(mut checkpointer) => checkpointer.follow(&log, pace, &stop).await,
                Err(error) => Err(error),
            };
            match followed {
                Ok(()) => return Ok(()),
                Err(error) if !error.is_transient() || stop.is_cancelled() => return Err(error),
                Err(error) => tracing::warn!(%error, "checkpoints wait"),
            }
            if stop
                .run_until_cancelled(tokio::time::sleep(REST))
                .await
                .is_none()
            {
                return Ok(());
            }
        }
    }

    async fn follow(
        &mut self,
        log: &Arc<dyn EventLog>,
        pace: Pace,
        stop: &CancellationToken,
    ) -> Result<(), CheckpointError> {
        let mut wake = log.wake();
        let mut due = None;
        loop {
            let stopping = stop.is_cancelled();
            let head = Source::head(log).await?;
            if head < self.size() {
                let signed = self.size();
                return Err(CheckpointError::RolledBack { head, signed });
            }
            self.advance(log, head).await?;
            let now = Instant::now();
            if self.unsigned() == 0 {
                due = None;
            } else {
                let at = *due.get_or_insert(now + pace.interval);
                if stopping || now >= at || self.unsigned() >= pace.events {
                    self.sign().await?;
                    due = None;
                }
            }
            if stopping {
                return Ok(());
            }
            let seen = self.size();
            let look = due.map_or(now + LOOK, |at: Instant| at.min(now + LOOK));
            let woken = async {
                let woken = timeout_at(look, wake.wait_for(|head| *head > seen)).await;
                matches!(woken, Ok(Err(_)))
            };
            if stop.run_until_cancelled(woken).await == Some(true) {
                // Nobody wakes us any more; do not spin.
                stop.run_until_cancelled(tokio::time::sleep_until(look))
                    .await;
            }
        }
    }
}
