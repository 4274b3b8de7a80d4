//! Versions that show the past: folded anew up to a position, beside those that answer.
//!
//! Nothing swaps them in, and nothing but [`drop_past`] takes them away. They are filled
//! page by page, each with the checkpoint in one transaction, so that whoever was
//! interrupted goes on where he was.

use std::sync::Arc;
use std::time::Duration;

use countersign_event_store::{LogError, ReadLog};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::exclusive::Exclusive;
use super::failure::failed;
use super::fill::Reporter;
use super::lane::Lane;
use super::pages::{PAGE, decode};
use super::rebuild::{Phase, Progress};
use super::registry::{self, Purpose, Target};
use crate::{Projection, StoreError};

/// A version that shows the past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastVersion {
    /// Of which projection.
    pub projection: Projection,
    /// Which.
    pub version: u32,
    /// Position of the last event that it shows.
    pub position: u64,
    /// The table of its rows, with its schema.
    pub table: String,
}

/// Fills versions that show the past.
#[derive(Debug)]
pub struct PastVersions {
    log: Arc<dyn ReadLog>,
    pool: PgPool,
    rate: Option<u32>,
}

impl PastVersions {
    /// From this log into this database.
    #[must_use]
    pub fn new(log: Arc<dyn ReadLog>, pool: PgPool) -> Self {
        let rate = None;
        Self { log, pool, rate }
    }

    /// At most so many events a second.
    #[must_use]
    pub fn rate(self, rate: Option<u32>) -> Self {
        Self { rate, ..self }
    }

    /// Makes a version of each of these projections, without rows.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while a rebuild or verification runs, or a failure of the
    /// storage; then there is none of them.
    pub async fn create(&self, projections: &[Projection]) -> Result<Vec<PastVersion>, StoreError> {
        let exclusive = Exclusive::take(&self.pool).await?;
        let mut made = vec![];
        let mut created = Ok(());
        for projection in projections {
            created = self.create_one(*projection, &mut made).await;
            if created.is_err() {
                break;
            }
        }
        if created.is_err() {
            for one in &made {
                // What cannot be dropped now is in the list of the versions.
                let _ = drop_past(&self.pool, one.projection, one.version).await;
            }
        }
        exclusive.release().await;
        created.map(|()| made)
    }

    async fn create_one(
        &self,
        projection: Projection,
        made: &mut Vec<PastVersion>,
    ) -> Result<(), StoreError> {
        let target = registry::create(&self.pool, projection, Purpose::Past).await?;
        made.push(PastVersion {
            projection,
            version: target.number(),
            position: 0,
            table: target.table(),
        });
        registry::make_key(&self.pool, target).await?;
        registry::index(&self.pool, target).await
    }

    /// Folds the log into these versions up to the event at `to`, each from where it
    /// is. Called off, they stay where they are.
    ///
    /// # Errors
    /// [`StoreError::NotPast`] when one is none that shows the past,
    /// [`StoreError::Beyond`] when one is further than that, [`StoreError::Cancelled`],
    /// or a failure of the log or the storage.
    pub async fn fill(
        &self,
        versions: &[PastVersion],
        to: u64,
        mut progress: impl FnMut(Progress) + Send,
        cancelled: &CancellationToken,
    ) -> Result<Vec<PastVersion>, StoreError> {
        let mut lanes = vec![];
        for version in versions {
            let target = find(&self.pool, version.projection, version.version).await?;
            let mut lane = Lane::open(&self.pool, target).await?;
            lane.up_to(to);
            lanes.push(lane);
        }
        let furthest = lanes.iter().map(Lane::position).max().unwrap_or(to);
        if furthest > to {
            let position = furthest;
            return Err(StoreError::Beyond { position, to });
        }
        let position = |lanes: &[Lane]| lanes.iter().map(Lane::position).min().unwrap_or(to);
        let first = position(&lanes);
        let mut reporter = Reporter::new(&mut progress).from(first);
        let pace = Pace::new(first, self.rate);
        loop {
            let at = position(&lanes);
            if at >= to {
                break;
            }
            let due = cancelled.run_until_cancelled(pace.due(at));
            if due.await.is_none() || cancelled.is_cancelled() {
                return Err(StoreError::Cancelled);
            }
            let left = usize::try_from(to - at).unwrap_or(PAGE);
            let events = self.log.read_all(at, left.min(pace.page())).await?;
            if events.is_empty() {
                let (after, found) = (to, at);
                return Err(LogError::Gap { after, found }.into());
            }
            let page = decode(events).await;
            try_join_all(lanes.iter_mut().map(|lane| lane.take(&page))).await?;
            reporter.tell_now_and_then(Phase::Filling, position(&lanes), to);
        }
        reporter.tell(Phase::Filling, position(&lanes), to);
        for lane in &lanes {
            let sql = format!("ANALYZE {}", lane.target.table());
            let done = sqlx::query(&sql).execute(&self.pool).await;
            done.map_err(failed("having the planner know a version"))?;
        }
        let filled = lanes.iter().map(|lane| PastVersion {
            projection: lane.target.projection,
            version: lane.target.number(),
            position: lane.position(),
            table: lane.target.table(),
        });
        Ok(filled.collect())
    }
}

/// Takes a version away that shows the past.
///
/// # Errors
/// [`StoreError::NotPast`] when it is none, or a failure of the storage.
pub async fn drop_past(
    pool: &PgPool,
    projection: Projection,
    version: u32,
) -> Result<(), StoreError> {
    let target = find(pool, projection, version).await?;
    registry::drop_version(pool, projection.name(), target.version).await
}

async fn find(pool: &PgPool, projection: Projection, version: u32) -> Result<Target, StoreError> {
    let found = sqlx::query_scalar::<_, i32>(
        "SELECT version FROM read_models.versions
         WHERE projection = $1 AND version = $2 AND state = 'past'",
    );
    let found = found.bind(projection.name()).bind(i64::from(version));
    let found = found.fetch_optional(pool).await;
    match found.map_err(failed("looking for a version"))? {
        Some(version) => Ok(Target {
            projection,
            version,
        }),
        None => Err(StoreError::NotPast {
            projection,
            version,
        }),
    }
}

/// How fast events are read.
struct Pace {
    began: Instant,
    first: u64,
    rate: Option<u32>,
}

impl Pace {
    fn new(first: u64, rate: Option<u32>) -> Self {
        Self {
            began: Instant::now(),
            first,
            rate,
        }
    }

    /// Events to a page: a tenth of a second's.
    fn page(&self) -> usize {
        let tenth = self.rate.map_or(PAGE, |rate| rate as usize / 10);
        tenth.clamp(1, PAGE)
    }

    /// Returns when the event after this position may be read.
    async fn due(&self, position: u64) {
        if let Some(rate) = self.rate {
            let passed = (position - self.first) as f64 / f64::from(rate);
            tokio::time::sleep_until(self.began + Duration::from_secs_f64(passed)).await;
        }
    }
}
