//! Snapshots of long streams as rows.

use async_trait::async_trait;
use countersign_event_store::StreamId;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row as _};

use super::failure::{failed, signed};
use crate::StoreError;
use crate::history::{CODE, Snapshot, Snapshots};

const LATEST: &str = "SELECT position, sequence, code, hash, sum, state FROM stream_snapshots \
    WHERE aggregate_type = $1 AND aggregate_id = $2 AND position <= $3 AND code = $4 \
    ORDER BY position DESC LIMIT 1";

const SAVE: &str = "INSERT INTO stream_snapshots AS kept \
    (aggregate_type, aggregate_id, position, sequence, code, hash, sum, state) \
    SELECT * FROM unnest($1::text[], $2::text[], $3::int8[], $4::int8[], $5::text[], \
        $6::bytea[], $7::bytea[], $8::text[]) \
    ON CONFLICT (aggregate_type, aggregate_id, position) DO UPDATE SET \
        sequence = excluded.sequence, code = excluded.code, hash = excluded.hash, \
        sum = excluded.sum, state = excluded.state";

const DISCARD: &str =
    "DELETE FROM stream_snapshots WHERE aggregate_type = $1 AND aggregate_id = $2";

/// Snapshots in the table `stream_snapshots`, which can be emptied at any time.
#[derive(Debug, Clone)]
pub struct PostgresSnapshots {
    pool: PgPool,
}

impl PostgresSnapshots {
    /// Snapshots in the database of `pool`, which has the schema.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Snapshots for PostgresSnapshots {
    async fn latest(
        &self,
        stream: &StreamId,
        position: u64,
    ) -> Result<Option<Snapshot>, StoreError> {
        let row = sqlx::query(LATEST)
            .bind(stream.aggregate_type.as_ref())
            .bind(&stream.aggregate_id)
            .bind(signed(position))
            .bind(CODE)
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("looking for a snapshot"))?;
        // A row that is none is as good as none.
        Ok(row.and_then(|row| snapshot(stream, &row)))
    }

    async fn save(&self, snapshots: Vec<Snapshot>) -> Result<(), StoreError> {
        let all = || snapshots.iter();
        let kinds: Vec<_> = all().map(|it| it.stream.aggregate_type.as_ref()).collect();
        let ids: Vec<_> = all().map(|it| it.stream.aggregate_id.as_str()).collect();
        let positions: Vec<_> = all().map(|it| signed(it.position)).collect();
        let versions: Vec<_> = all().map(|it| signed(it.version)).collect();
        let codes: Vec<_> = all().map(|it| it.code.as_str()).collect();
        let hashes: Vec<_> = all().map(|it| it.hash.as_slice()).collect();
        let sums: Vec<_> = all().map(|it| it.sum.as_slice()).collect();
        let states: Vec<_> = all().map(|it| it.state.as_str()).collect();
        sqlx::query(SAVE)
            .bind(kinds)
            .bind(ids)
            .bind(positions)
            .bind(versions)
            .bind(codes)
            .bind(hashes)
            .bind(sums)
            .bind(states)
            .execute(&self.pool)
            .await
            .map_err(failed("keeping snapshots"))?;
        Ok(())
    }

    async fn discard(&self, stream: &StreamId) -> Result<(), StoreError> {
        sqlx::query(DISCARD)
            .bind(stream.aggregate_type.as_ref())
            .bind(&stream.aggregate_id)
            .execute(&self.pool)
            .await
            .map_err(failed("throwing snapshots away"))?;
        Ok(())
    }
}

fn snapshot(stream: &StreamId, row: &PgRow) -> Option<Snapshot> {
    Some(Snapshot {
        stream: stream.clone(),
        position: row.try_get::<i64, _>(0).ok()?.unsigned_abs(),
        version: row.try_get::<i64, _>(1).ok()?.unsigned_abs(),
        code: row.try_get(2).ok()?,
        hash: row.try_get::<&[u8], _>(3).ok()?.try_into().ok()?,
        sum: row.try_get::<&[u8], _>(4).ok()?.try_into().ok()?,
        state: row.try_get(5).ok()?,
    })
}
