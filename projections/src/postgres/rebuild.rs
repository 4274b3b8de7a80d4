//! Fills new versions beside the traffic, and swaps them in.

use std::sync::Arc;
use std::time::Duration;

use countersign_event_store::EventLog;
use futures::future::try_join_all;
use serde::Serialize;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::exclusive::Exclusive;
use super::failure::failed;
use super::fill::{Bounds, Reporter, create, fill};
use super::lane::Lane;
use super::registry::{self, Leftover, drop_leftovers};
use crate::{Projection, StoreError};

/// How many events a new version takes while the old one stands still.
const LITTLE: u64 = 1000;

/// What a rebuild or verification is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Folding the log into the new tables.
    Filling,
    /// Making their indexes.
    Indexing,
    /// Folding what was appended meanwhile, and swapping.
    Swapping,
    /// Comparing rows.
    Comparing,
    /// Waiting until nobody reads the old tables, and dropping them.
    Dropping,
}

/// How far a rebuild or verification is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Position of the last event that it has folded.
    pub position: u64,
    /// Position of the last event in the log.
    pub head: u64,
    /// Events a second so far.
    pub rate: f64,
    /// How long it has run.
    pub elapsed: Duration,
}

/// A projection that was rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// Which.
    pub projection: Projection,
    /// The version that queries read now.
    pub version: u32,
    /// The version that they read before.
    pub replaced: u32,
    /// Where the new version was when it was swapped in.
    pub position: u64,
}

/// A rebuild to be started.
#[derive(Debug)]
pub struct Rebuild {
    log: Arc<dyn EventLog>,
    pool: PgPool,
    projections: Vec<Projection>,
    grace: Duration,
    bounds: Bounds,
}

impl Rebuild {
    /// A rebuild of these projections, from the beginning of the log.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, pool: PgPool, projections: Vec<Projection>) -> Self {
        Self {
            log,
            pool,
            projections,
            grace: Duration::from_secs(10),
            bounds: Bounds::default(),
        }
    }

    /// How long the old version stays for those who are reading it; 10 s by default.
    #[must_use]
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// What bounds the memory: how many events are read at once, and how many rows of
    /// each projection are kept back at most while they may still change. By default
    /// 2,000 and 16,384.
    #[must_use]
    pub fn bounds(self, page: usize, held: usize) -> Self {
        let bounds = Bounds { page, held };
        Self { bounds, ..self }
    }

    /// Rebuilds. Cancelled before the swap, it takes its tables away and nothing
    /// has happened; what a rebuild that was killed left behind goes first.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while another rebuild or verification runs,
    /// [`StoreError::Cancelled`], or a failure of the log or the storage.
    pub async fn run(
        self,
        mut progress: impl FnMut(Progress) + Send,
        cancelled: CancellationToken,
    ) -> Result<Vec<Rebuilt>, StoreError> {
        let exclusive = Exclusive::take(&self.pool).await?;
        let mut reporter = Reporter::new(&mut progress);
        let rebuilt = self.swap_all(&mut reporter, &cancelled).await;
        let cleaned = match &rebuilt {
            Ok(rebuilt) => self.clean_up(rebuilt, &mut reporter, &cancelled).await,
            Err(_) => drop_leftovers(&self.pool, Leftover::Building).await,
        };
        if let Err(error) = cleaned {
            tracing::warn!(%error, "old tables stay until the next rebuild");
        }
        exclusive.release().await;
        rebuilt
    }

    async fn swap_all(
        &self,
        reporter: &mut Reporter<'_>,
        cancelled: &CancellationToken,
    ) -> Result<Vec<Rebuilt>, StoreError> {
        let filling = self.fill(reporter);
        let filled = cancelled.run_until_cancelled(filling).await;
        let lanes = filled.unwrap_or(Err(StoreError::Cancelled))?;
        let mut rebuilt = vec![];
        for lane in lanes {
            if cancelled.is_cancelled() && rebuilt.is_empty() {
                return Err(StoreError::Cancelled);
            }
            let head = self.log.head().await?;
            reporter.tell(Phase::Swapping, lane.position(), head);
            rebuilt.push(self.swap(lane).await?);
        }
        Ok(rebuilt)
    }

    async fn fill(&self, reporter: &mut Reporter<'_>) -> Result<Vec<Lane>, StoreError> {
        drop_leftovers(&self.pool, Leftover::Building).await?;
        let head = self.log.head().await?;
        let targets = create(&self.pool, &self.projections).await?;
        let limits: Vec<_> = targets.iter().map(|target| (*target, head)).collect();
        fill(&self.log, &self.pool, &limits, self.bounds, reporter).await?;
        reporter.tell(Phase::Indexing, head, head);
        let index = |target| registry::index(&self.pool, target);
        try_join_all(targets.iter().copied().map(index)).await?;
        let mut lanes = vec![];
        for target in targets {
            let mut lane = Lane::open(&self.pool, target).await?;
            lane.catch_up(&*self.log, LITTLE).await?;
            lanes.push(lane);
        }
        Ok(lanes)
    }

    /// Makes a version the active one. While the old one is locked and stands still,
    /// the new one takes the last events: nobody sees it go back.
    async fn swap(&self, mut lane: Lane) -> Result<Rebuilt, StoreError> {
        let failed = failed("swapping versions");
        loop {
            lane.catch_up(&*self.log, LITTLE).await?;
            let mut transaction = self.pool.begin().await.map_err(&failed)?;
            let projection = lane.target.projection;
            let active = registry::lock_active(&mut transaction, projection).await?;
            if active.position.saturating_sub(lane.position()) > LITTLE {
                transaction.rollback().await.map_err(&failed)?;
                continue;
            }
            let log = &*self.log;
            let head = active.position;
            lane.catch_up_within(&mut transaction, log, head).await?;
            registry::swap(&mut transaction, active.target, lane.target).await?;
            // With it, all that was written before it.
            sqlx::query("SET LOCAL synchronous_commit = on")
                .execute(&mut *transaction)
                .await
                .map_err(&failed)?;
            transaction.commit().await.map_err(&failed)?;
            return Ok(Rebuilt {
                projection,
                version: lane.target.number(),
                replaced: active.target.number(),
                position: lane.position(),
            });
        }
    }

    /// Takes the old versions away when nobody can be reading them any more.
    async fn clean_up(
        &self,
        rebuilt: &[Rebuilt],
        reporter: &mut Reporter<'_>,
        cancelled: &CancellationToken,
    ) -> Result<(), StoreError> {
        let position = rebuilt.iter().map(|it| it.position).min().unwrap_or(0);
        reporter.tell(Phase::Dropping, position, position);
        let waiting = tokio::time::sleep(self.grace);
        if cancelled.run_until_cancelled(waiting).await.is_none() {
            // The projector takes them away later.
            return Ok(());
        }
        drop_leftovers(&self.pool, Leftover::Retired(self.grace.as_secs_f64())).await
    }
}
