//! How the versions are.

use countersign_domain::Timestamp;
use countersign_event_store::StreamId;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row as _};

use super::failure::failed;
use crate::{Projection, Skipped, SkippedEvent, StoreError};

/// How many parked events are told by name.
const SHOWN: i64 = 100;

/// What a version is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionState {
    /// A rebuild or a verification fills it.
    Building,
    /// Queries read it.
    Active,
    /// It shows the past, for whoever asked for it.
    Past,
    /// It was active; it is dropped when nobody can be reading it any more.
    Retired,
}

/// A version of a projection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Of which projection.
    pub projection: Projection,
    /// Which, from 1.
    pub version: u32,
    /// What it is for.
    pub state: VersionState,
    /// Position of the last event that it shows.
    pub position: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it became active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated_at: Option<Timestamp>,
    /// When another took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<Timestamp>,
}

/// How the active version of a projection is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectionStatus {
    /// Which projection.
    pub projection: Projection,
    /// Its active version.
    pub version: u32,
    /// Position of the last event that it shows.
    pub position: u64,
    /// Position of the last event in the log.
    pub head: u64,
    /// How many events it is behind.
    pub lag: u64,
    /// How many streams are parked.
    pub parked: u64,
    /// The events that parked them, the first 100.
    pub parked_events: Vec<SkippedEvent>,
}

/// All versions of all projections, in order.
///
/// # Errors
/// [`StoreError`] when the storage fails.
pub async fn list(pool: &PgPool) -> Result<Vec<Version>, StoreError> {
    let rows = sqlx::query(
        "SELECT projection, version, state, position, created_at, activated_at, retired_at
         FROM read_models.versions",
    );
    let rows = rows.fetch_all(pool).await;
    let rows = rows.map_err(failed("listing the versions"))?;
    let mut versions: Vec<_> = rows.iter().filter_map(version).collect();
    versions.sort_by_key(|it| (it.projection, it.version));
    Ok(versions)
}

fn version(row: &PgRow) -> Option<Version> {
    Some(Version {
        projection: row.get::<&str, _>(0).parse().ok()?,
        version: row.get::<i32, _>(1).unsigned_abs(),
        state: match row.get(2) {
            "building" => VersionState::Building,
            "active" => VersionState::Active,
            "past" => VersionState::Past,
            _ => VersionState::Retired,
        },
        position: row.get::<i64, _>(3).unsigned_abs(),
        created_at: row.get(4),
        activated_at: row.get(5),
        retired_at: row.get(6),
    })
}

/// How the active versions are, for a log with this head.
///
/// # Errors
/// [`StoreError`] when the storage fails.
pub async fn status(pool: &PgPool, head: u64) -> Result<Vec<ProjectionStatus>, StoreError> {
    let mut all = vec![];
    for version in list(pool).await? {
        if version.state != VersionState::Active {
            continue;
        }
        let parked = parked_events(pool, Some(version.projection)).await?;
        all.push(ProjectionStatus {
            projection: version.projection,
            version: version.version,
            position: version.position,
            head,
            lag: head.saturating_sub(version.position),
            parked: parked.count,
            parked_events: parked.events,
        });
    }
    Ok(all)
}

/// The events that parked streams in the active version of a projection, or of any.
pub(super) async fn parked_events(
    pool: &PgPool,
    projection: Option<Projection>,
) -> Result<Skipped, StoreError> {
    let rows = sqlx::query(
        "SELECT count(*) OVER (), position, aggregate_type, aggregate_id, event_type,
                event_version, recorded_at, reason
         FROM (
             SELECT DISTINCT ON (parked.position) parked.*
             FROM read_models.parked JOIN read_models.versions USING (projection, version)
             WHERE state = 'active' AND ($1::text IS NULL OR projection = $1)
             ORDER BY parked.position
         ) AS parked
         ORDER BY position LIMIT $2",
    );
    let rows = rows
        .bind(projection.map(Projection::name))
        .bind(SHOWN)
        .fetch_all(pool)
        .await
        .map_err(failed("reading the parked events"))?;
    let count = rows.first().map_or(0, |row| row.get::<i64, _>(0));
    let event = |row: &PgRow| SkippedEvent {
        position: row.get::<i64, _>(1).unsigned_abs(),
        stream: StreamId {
            aggregate_type: row.get::<String, _>(2).into(),
            aggregate_id: row.get(3),
        },
        event_type: row.get(4),
        event_version: u16::try_from(row.get::<i32, _>(5)).unwrap_or(u16::MAX),
        recorded_at: row.get(6),
        reason: row.get(7),
    };
    Ok(Skipped {
        count: count.unsigned_abs(),
        events: rows.iter().map(event).collect(),
    })
}
