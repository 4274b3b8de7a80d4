//! A version's rows, parked events and checkpoint, changed together.

use sqlx::{PgConnection, Row as _};

use super::failure::{failed, signed};
use super::registry::Target;
use super::write;
use crate::StoreError;
use crate::fold::Folded;

/// Locks a version until the transaction ends, and returns its checkpoint.
///
/// The transaction does not wait for the disk: rows and checkpoint are lost
/// together or not at all, and what was lost is folded again.
pub(super) async fn lock(connection: &mut PgConnection, target: Target) -> Result<u64, StoreError> {
    let row = sqlx::query(
        "SELECT position, state = 'retired', set_config('synchronous_commit', 'off', true)
         FROM read_models.versions WHERE projection = $1 AND version = $2 FOR UPDATE",
    );
    let row = row
        .bind(target.projection.name())
        .bind(target.version)
        .fetch_optional(connection)
        .await
        .map_err(failed("locking a version"))?;
    match row {
        Some(row) if !row.get::<bool, _>(1) => Ok(row.get::<i64, _>(0).unsigned_abs()),
        _ => Err(target.replaced()),
    }
}

/// Writes what the events after `after` up to `checkpoint` do to a version, unless
/// another projector has been here.
pub(super) async fn apply(
    connection: &mut PgConnection,
    target: Target,
    after: u64,
    folded: &Folded,
    checkpoint: u64,
) -> Result<(), StoreError> {
    if !advance(connection, &[target], after, checkpoint).await? {
        let checkpoint = lock(connection, target).await?;
        return Err(StoreError::Overtaken { after, checkpoint });
    }
    write(connection, target, folded).await
}

/// Writes what events do to a version that is locked.
pub(super) async fn write(
    connection: &mut PgConnection,
    target: Target,
    folded: &Folded,
) -> Result<(), StoreError> {
    write::write(connection, target, &folded.changes).await?;
    write::park(connection, target, &folded.parked).await
}

/// Moves the checkpoints of versions that stand at `after`, and so locks them, as
/// [`lock`] does; false when not all of them stand there.
pub(super) async fn advance(
    connection: &mut PgConnection,
    targets: &[Target],
    after: u64,
    checkpoint: u64,
) -> Result<bool, StoreError> {
    let projections: Vec<&str> = targets.iter().map(|it| it.projection.name()).collect();
    let versions: Vec<i32> = targets.iter().map(|it| it.version).collect();
    // Locked in an order, so that two projectors never wait for each other.
    let moved = sqlx::query(
        "WITH standing AS (
            SELECT projection, version FROM read_models.versions
            WHERE (projection, version) IN (SELECT unnest($1::text[]), unnest($2::int[]))
                AND state <> 'retired' AND position = $3
            ORDER BY projection, version FOR UPDATE
        )
        UPDATE read_models.versions AS v SET position = $4
        FROM standing AS s WHERE v.projection = s.projection AND v.version = s.version
        RETURNING set_config('synchronous_commit', 'off', true)",
    );
    let moved = moved
        .bind(projections)
        .bind(versions)
        .bind(signed(after))
        .bind(signed(checkpoint))
        .fetch_all(connection)
        .await
        .map_err(failed("moving checkpoints"))?;
    Ok(moved.len() == targets.len())
}

/// Moves the checkpoint of a version that is locked.
pub(super) async fn reach(
    connection: &mut PgConnection,
    target: Target,
    checkpoint: u64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE read_models.versions SET position = $3 WHERE projection = $1 AND version = $2",
    )
    .bind(target.projection.name())
    .bind(target.version)
    .bind(signed(checkpoint))
    .execute(connection)
    .await
    .map(drop)
    .map_err(failed("moving a checkpoint"))
}
