//! Where a coordinator begins to read, and what it leaves behind for the next.
//!
//! The position that is kept is one from which all follows that was open: that
//! before the creation of the oldest session that is not settled, see
//! [`ProcessManager::unsettled_since`](countersign_domain::process::ProcessManager).
//! All replicas keep theirs under one name; the furthest counts.

use std::time::Duration;

use countersign_event_store::LogError;
use tokio::time::{Instant, timeout};

use super::{Coordinator, RETRY};

/// The name that the position is kept under.
const CHECKPOINT: &str = "coordinator";

/// How often it is kept.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// How long keeping it, or a look whether the log is back, may hold the rest up.
const PATIENCE: Duration = Duration::from_secs(1);

impl Coordinator {
    /// Finds where to begin, however long it takes; gives the head of the log.
    pub(super) async fn begin(&mut self) -> Result<u64, LogError> {
        let commands = self.commands.clone();
        let log = commands.repository.log();
        loop {
            // The head last: no checkpoint can be beyond a head that is read later.
            let read = async {
                let checkpoint = commands.checkpoints.load(CHECKPOINT).await?;
                Ok::<_, LogError>((checkpoint, log.head().await?))
            };
            match read.await {
                Ok((checkpoint, head)) => {
                    commands.health.log_works();
                    if checkpoint > head {
                        tracing::warn!(
                            checkpoint,
                            head,
                            "the checkpoint is of a longer log than this one: reading it whole"
                        );
                    } else {
                        self.position = checkpoint;
                        self.saved.0 = checkpoint;
                    }
                    commands.waiter.begin(self.position);
                    return Ok(head);
                }
                Err(error) if error.is_final() => return Err(error),
                Err(error) => {
                    commands.health.log_fails(&error);
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Where the next run may begin.
    fn settled(&self) -> u64 {
        let unsettled = self.process.unsettled_since();
        unsettled.map_or(self.position, |position| position - 1)
    }

    pub(super) async fn save_now_and_then(&mut self) {
        if self.saved.1.elapsed() >= SAVE_EVERY {
            self.save().await;
        }
    }

    /// Keeps where the next run may begin. To fail costs that run time, no more.
    pub(super) async fn save(&mut self) {
        let settled = self.settled();
        self.saved.1 = Instant::now();
        if settled <= self.saved.0 {
            return;
        }
        let saving = self.commands.checkpoints.save(CHECKPOINT, settled);
        match timeout(PATIENCE, saving).await {
            Ok(Ok(())) => self.saved.0 = settled,
            Ok(Err(error)) => tracing::debug!(%error, settled, "the checkpoint was not kept"),
            Err(_) => tracing::debug!(settled, "the checkpoint was not kept in time"),
        }
    }

    /// Asks a log that failed whether it is back: nothing else tells while nobody
    /// appends.
    pub(super) async fn look_at_log(&self) {
        let health = &self.commands.health;
        if health.is_log_away() {
            let head = self.commands.repository.log().head();
            if let Ok(Ok(_)) = timeout(PATIENCE, head).await {
                health.log_works();
            }
        }
    }
}
