//! Signs checkpoints in one process at a time.

use std::sync::Arc;
use std::time::Duration;

use countersign_event_store::{EventLog, Lease, LeasedWork, Leases, LogError, Terms, while_held};
use tokio_util::sync::CancellationToken;

use crate::checkpointer::{CheckpointStore, Checkpointer, Pace};
use crate::metrics;
use crate::note::SigningKey;

/// The lease of the process that signs.
pub const LEASE: &str = "checkpointer";

/// How long to wait until a log that was refused is looked at again.
const REFUSED: Duration = Duration::from_secs(60);

/// Signs the checkpoints of a log that many processes share. The lease saves work;
/// two that signed at once would sign the same roots.
#[derive(Debug)]
pub struct Signer {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The key, the same in all processes.
    pub key: SigningKey,
    /// Where checkpoints are kept, the same place for all processes.
    pub store: Arc<dyn CheckpointStore>,
    /// When to sign.
    pub pace: Pace,
    /// Who grants the lease.
    pub leases: Arc<dyn Leases>,
    /// The name of this process.
    pub replica: String,
}

impl Signer {
    /// Signs, or stands by, until `stop`. A log that is not the one that was signed
    /// before is told of, and looked at again from time to time.
    pub async fn run(self, stop: CancellationToken) {
        let lease = Lease {
            leases: self.leases.clone(),
            name: LEASE,
            holder: self.replica.clone(),
            terms: Terms::default(),
        };
        if let Err(error) = while_held(lease, stop, self).await {
            tracing::warn!(%error, "no checkpoint is signed any more");
        }
    }

    async fn sign(&self, held: CancellationToken) {
        metrics::refused(false);
        let (log, key, store) = (self.log.clone(), self.key.clone(), self.store.clone());
        match Checkpointer::run(log, key, store, self.pace, held.clone()).await {
            Ok(()) => {}
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "the last checkpoint is left to the next process");
            }
            Err(error) => {
                tracing::error!(%error, "no checkpoint is signed");
                metrics::refused(true);
                held.run_until_cancelled(tokio::time::sleep(REFUSED)).await;
            }
        }
    }
}

impl LeasedWork for Signer {
    async fn work(&mut self, held: CancellationToken) -> Result<(), LogError> {
        self.sign(held).await;
        Ok(())
    }
}
