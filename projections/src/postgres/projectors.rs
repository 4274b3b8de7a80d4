//! Keeps the active versions up with the log, in one process at a time.
//!
//! Every process of the role tries for the lease; who has it folds, the others
//! stand by. The lease only saves work: should two fold at once, every batch of one
//! of them is refused by the checkpoint.
//!
//! Projections that are at the same place read the log together. One that fails
//! leaves the others, and is tried again by itself from its checkpoint. One that
//! was rebuilt goes on in its new version.

mod lead;

use std::sync::Arc;

use countersign_event_store::{EventLog, Lease, LeasedWork, Leases, LogError, Terms, while_held};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::registry;
use crate::{StoreError, metrics};

/// The lease that the active projector holds.
pub const LEASE: &str = "projector";

/// The projector of one process: active, or standing by.
#[derive(Debug)]
pub struct Projectors {
    log: Arc<dyn EventLog>,
    pool: PgPool,
    leases: Arc<dyn Leases>,
    replica: String,
    positions: watch::Sender<u64>,
}

/// Runs the projector role until it is cancelled or the log is closed.
///
/// # Errors
/// [`StoreError`] when the database does not answer, or the read models' tables are
/// not there.
pub async fn run(
    log: Arc<dyn EventLog>,
    pool: PgPool,
    leases: Arc<dyn Leases>,
    replica: String,
    cancelled: CancellationToken,
) -> Result<(), StoreError> {
    Projectors::new(log, pool, leases, replica)
        .run(cancelled)
        .await
}

impl Projectors {
    /// The projector of the process named `replica`.
    #[must_use]
    pub fn new(
        log: Arc<dyn EventLog>,
        pool: PgPool,
        leases: Arc<dyn Leases>,
        replica: String,
    ) -> Self {
        Self {
            log,
            pool,
            leases,
            replica,
            positions: watch::Sender::new(0),
        }
    }

    /// The position that every projection shows, as this process advances it; it
    /// stands still while another is the active one.
    #[must_use]
    pub fn positions(&self) -> watch::Receiver<u64> {
        self.positions.subscribe()
    }

    /// Runs until it is cancelled or the log is closed. Failures are logged and
    /// tried again.
    ///
    /// # Errors
    /// [`StoreError`] when at the start the database does not answer, or the read
    /// models' tables are not there.
    pub async fn run(self, cancelled: CancellationToken) -> Result<(), StoreError> {
        registry::active(&self.pool).await?;
        ::metrics::gauge!(metrics::LEADER).set(0.0);
        let lease = Lease {
            leases: self.leases.clone(),
            name: LEASE,
            holder: self.replica.clone(),
            terms: Terms::default(),
        };
        match while_held(lease, cancelled, self).await {
            Ok(()) | Err(LogError::Closed) => {}
            Err(error) => tracing::error!(%error, "the log is of no use any more"),
        }
        Ok(())
    }

    async fn lead(&self) {
        lead::lead(&self.log, &self.pool, &self.positions).await;
    }
}

impl LeasedWork for Projectors {
    async fn work(&mut self, held: CancellationToken) -> Result<(), LogError> {
        let leader = ::metrics::gauge!(metrics::LEADER);
        leader.set(1.0);
        let closed = held.run_until_cancelled(self.lead()).await;
        leader.set(0.0);
        // It ends by itself when the log is closed.
        closed.map_or(Ok(()), |()| Err(LogError::Closed))
    }
}
