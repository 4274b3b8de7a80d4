//! Compares what is stored with what the log says.

mod compare;

use std::sync::Arc;

use countersign_event_store::EventLog;
use serde::Serialize;
use sqlx::{PgPool, Postgres, Transaction};
use tokio_util::sync::CancellationToken;

use self::compare::compare;
use super::exclusive::Exclusive;
use super::failure::failed;
use super::fill::{Bounds, Reporter, create, fill};
use super::lane::Lane;
use super::rebuild::{Phase, Progress};
use super::registry::{self, Active, Leftover, drop_leftovers};
use crate::{Projection, StoreError};

/// How many events the scratch version takes while the active one stands still.
const LITTLE: u64 = 1000;

/// How a row is not what the log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deviation {
    /// The log says that there is such a row, and there is none.
    Missing,
    /// There is a row that the log knows nothing of.
    Unexpected,
    /// The row says something else in these places (JSON pointers and columns).
    Differs(Vec<String>),
}

/// A row that is not what the log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Of which projection.
    pub projection: Projection,
    /// The row's id.
    pub row: String,
    /// How it is not.
    pub deviation: Deviation,
}

/// What a verification found in a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Which projection.
    pub projection: Projection,
    /// Its active version.
    pub version: u32,
    /// The position at which the rows were compared.
    pub position: u64,
    /// How many rows the log makes.
    pub rows: u64,
    /// How many rows differ.
    pub differences: u64,
}

/// Folds the log into tables of its own, and tells of every row of the active
/// versions that differs from them. The traffic goes on meanwhile.
///
/// # Errors
/// [`StoreError::Busy`] while a rebuild or another verification runs,
/// [`StoreError::Cancelled`], or a failure of the log or the storage.
pub async fn verify(
    log: Arc<dyn EventLog>,
    pool: PgPool,
    projections: Vec<Projection>,
    mut progress: impl FnMut(Progress) + Send,
    mut found: impl FnMut(Difference) + Send,
    cancelled: CancellationToken,
) -> Result<Vec<Verified>, StoreError> {
    let exclusive = Exclusive::take(&pool).await?;
    let mut reporter = Reporter::new(&mut progress);
    let verifying = verify_all(&log, &pool, &projections, &mut reporter, &mut found);
    let verified = cancelled.run_until_cancelled(verifying).await;
    if let Err(error) = drop_leftovers(&pool, Leftover::Building).await {
        tracing::warn!(%error, "the tables of a verification stay until the next one");
    }
    exclusive.release().await;
    verified.unwrap_or(Err(StoreError::Cancelled))
}

async fn verify_all(
    log: &Arc<dyn EventLog>,
    pool: &PgPool,
    projections: &[Projection],
    reporter: &mut Reporter<'_>,
    found: &mut (dyn FnMut(Difference) + Send),
) -> Result<Vec<Verified>, StoreError> {
    drop_leftovers(pool, Leftover::Building).await?;
    let active = registry::active(pool).await?;
    let mut targets = vec![];
    for target in create(pool, projections).await? {
        let active = active
            .iter()
            .find(|it| it.target.projection == target.projection);
        targets.push((target, active.map_or(0, |it| it.position)));
    }
    let head = targets.iter().map(|(_, limit)| *limit).max().unwrap_or(0);
    fill(log, pool, &targets, Bounds::default(), reporter).await?;
    let mut verified = vec![];
    for (target, limit) in targets {
        let mut lane = Lane::open(pool, target).await?;
        lane.up_to(limit);
        reporter.tell(Phase::Comparing, lane.position(), head);
        let (active, mut snapshot) = at_the_same_place(log, pool, &mut lane).await?;
        let (old, new) = (active.target, lane.target);
        let (rows, differences) = compare(&mut snapshot, old, new, found).await?;
        verified.push(Verified {
            projection: old.projection,
            version: old.number(),
            position: active.position,
            rows,
            differences,
        });
    }
    Ok(verified)
}

/// A view of the database in which both versions show the same events. The active
/// one stands still only until the other has caught up and the view is there.
async fn at_the_same_place(
    log: &Arc<dyn EventLog>,
    pool: &PgPool,
    lane: &mut Lane,
) -> Result<(Active, Transaction<'static, Postgres>), StoreError> {
    let failed = failed("comparing rows");
    loop {
        let mut standstill = pool.begin().await.map_err(&failed)?;
        let projection = lane.target.projection;
        let active = registry::lock_active(&mut standstill, projection).await?;
        lane.up_to(active.position);
        if active.position.saturating_sub(lane.position()) > LITTLE {
            standstill.rollback().await.map_err(&failed)?;
            lane.catch_up(&**log, 0).await?;
            continue;
        }
        lane.catch_up(&**log, 0).await?;
        let mut snapshot = pool.begin().await.map_err(&failed)?;
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            .execute(&mut *snapshot)
            .await
            .map_err(&failed)?;
        // The view is that of the first statement.
        sqlx::query("SELECT 1")
            .execute(&mut *snapshot)
            .await
            .map_err(&failed)?;
        standstill.rollback().await.map_err(&failed)?;
        return Ok((active, snapshot));
    }
}
