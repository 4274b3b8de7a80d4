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
use std::time::Duration;

use countersign_event_store::{EventLog, Leases};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::registry;
use crate::{StoreError, metrics};

/// The lease that the active projector holds.
pub const LEASE: &str = "projector";

/// For how long the lease is taken. With [`STANDBY`] it makes less than 5 s from
/// the death of a projector to the start of the next.
const TTL: Duration = Duration::from_secs(3);

/// How often the lease is renewed.
const RENEWAL: Duration = Duration::from_secs(1);

/// How often a standby tries for the lease.
const STANDBY: Duration = Duration::from_millis(500);

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
        let leader = ::metrics::gauge!(metrics::LEADER);
        leader.set(0.0);
        while cancelled
            .run_until_cancelled(self.stand_by())
            .await
            .is_some()
        {
            tracing::info!(replica = self.replica, "this is the active projector");
            leader.set(1.0);
            let closed = tokio::select! {
                () = self.lead() => true,
                () = self.hold() => false,
                () = cancelled.cancelled() => false,
            };
            leader.set(0.0);
            if closed {
                break;
            }
        }
        leader.set(0.0);
        if let Err(error) = self.leases.release(LEASE, &self.replica).await {
            tracing::warn!(%error, "the projector's lease ends by itself");
        }
        Ok(())
    }

    /// Until the lease is ours.
    async fn stand_by(&self) {
        let mut failing = false;
        loop {
            match self.leases.acquire(LEASE, &self.replica, TTL).await {
                Ok(true) => return,
                Ok(false) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "the projector's lease cannot be asked for");
                }
                Err(_) => {}
            }
            sleep(STANDBY).await;
        }
    }

    /// Until the lease is lost.
    async fn hold(&self) {
        let mut held = Instant::now();
        loop {
            sleep(RENEWAL).await;
            let asked = Instant::now();
            let renewed = self.leases.acquire(LEASE, &self.replica, TTL);
            match tokio::time::timeout(TTL, renewed).await {
                Ok(Ok(true)) => held = asked,
                Ok(Ok(false)) => {
                    tracing::warn!("another process is the active projector now");
                    return;
                }
                Ok(Err(_)) | Err(_) if held.elapsed() < TTL => {}
                Ok(Err(_)) | Err(_) => {
                    tracing::warn!("the projector's lease ran out");
                    return;
                }
            }
        }
    }

    async fn lead(&self) {
        lead::lead(&self.log, &self.pool, &self.positions).await;
    }
}
