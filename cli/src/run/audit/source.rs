//! Where the log of an audit is: a data directory, in use or not.

use std::path::Path;
use std::time::Duration;

use countersign_audit::{FileCheckpoints, SignedCheckpoint, Source, VerifierKey};
use countersign_event_store::SqliteReader;

use crate::embedded::ReadOnlyDir;
use crate::failure::{Failure, Outcome};

/// How long to wait until the running system has signed what there is.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often to look.
const LOOK: Duration = Duration::from_millis(100);

/// A log that can be read, and what was signed of it.
#[derive(Debug)]
pub(super) struct OpenLog {
    pub(super) source: Box<dyn Source>,
    pub(super) key: VerifierKey,
    pub(super) files: FileCheckpoints,
    directory: ReadOnlyDir,
}

impl OpenLog {
    /// The log in a data directory; nothing there is changed or held.
    pub(super) async fn in_directory(root: &Path) -> Outcome<Self> {
        let directory = ReadOnlyDir::open(root)?;
        let reader = SqliteReader::open(directory.log())
            .await
            .map_err(Failure::data)?;
        Ok(Self {
            source: Box::new(reader),
            key: directory.verifier_key()?,
            files: directory.checkpoints(),
            directory,
        })
    }

    /// How many events there are to look at, and the checkpoints of them, by size. The
    /// events that are there now are waited for to be signed, if something is there
    /// that signs them.
    pub(super) async fn signed(&self) -> Outcome<(u64, Vec<SignedCheckpoint>)> {
        let head = self.head().await?;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let newest = loop {
            let newest = self.newest()?;
            let size = newest.as_ref().map_or(0, |it| it.checkpoint().size);
            let waited = tokio::time::Instant::now() >= deadline;
            if size >= head || waited || !self.directory.in_use() {
                break newest;
            }
            tokio::time::sleep(LOOK).await;
        };
        let size = newest.as_ref().map_or(0, |it| it.checkpoint().size);
        // Up to what is signed, when all is. A log that is shorter than that stays so.
        let to = size.max(head).min(self.head().await?);
        let mut checkpoints = self.files.history().map_err(Failure::data)?;
        checkpoints.retain(|it| it.checkpoint().size <= to && Some(it) != newest.as_ref());
        checkpoints.extend(newest);
        Ok((to, checkpoints))
    }

    pub(super) fn newest(&self) -> Outcome<Option<SignedCheckpoint>> {
        self.files.newest().map_err(Failure::data)
    }

    async fn head(&self) -> Outcome<u64> {
        self.source.head().await.map_err(Failure::data)
    }
}
