//! What signs the log's checkpoints: stopped after all that appends, so that the last
//! checkpoint is of the whole log.

use std::sync::Arc;

use countersign_audit::{Checkpointer, Pace, Publishing, SigningKey};
use countersign_event_store::SqliteLog;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A task that signs.
pub(super) struct Signing {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Signing {
    pub(super) fn start(log: Arc<SqliteLog>, key: SigningKey, store: Arc<Publishing>) -> Self {
        let stop = CancellationToken::new();
        let until = stop.clone();
        let task = tokio::spawn(async move {
            let signed = Checkpointer::run(log, key, store, Pace::default(), until).await;
            // Nothing of the rest depends on it.
            if let Err(error) = signed {
                tracing::error!(%error, "no checkpoints are signed any more");
            }
        });
        Self { stop, task }
    }

    pub(super) async fn end(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the last checkpoint was not signed");
        }
    }
}
