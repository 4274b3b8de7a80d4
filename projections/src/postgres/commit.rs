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
    let found = lock(connection, target).await?;
    if found != after {
        return Err(StoreError::Overtaken {
            after,
            checkpoint: found,
        });
    }
    write::write(connection, target, &folded.changes).await?;
    write::park(connection, target, &folded.parked).await?;
    reach(connection, target, checkpoint).await
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
