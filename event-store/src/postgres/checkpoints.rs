//! Checkpoints as rows.

use async_trait::async_trait;
use sqlx::PgPool;

use super::{pool::retried, read::clamp};
use crate::{Checkpoints, LogError};

const SAVE: &str = "INSERT INTO checkpoints AS kept (name, position, saved_at) \
    VALUES ($1, $2, clock_timestamp()) \
    ON CONFLICT (name) DO UPDATE \
    SET position = excluded.position, saved_at = excluded.saved_at \
    WHERE kept.position < excluded.position";

const LOAD: &str = "SELECT position FROM checkpoints WHERE name = $1";

/// [`Checkpoints`] in PostgreSQL.
#[derive(Clone, Debug)]
pub struct PostgresCheckpoints {
    pool: PgPool,
}

impl PostgresCheckpoints {
    /// Checkpoints in the database of `pool`, which has the schema.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Checkpoints for PostgresCheckpoints {
    async fn load(&self, name: &str) -> Result<u64, LogError> {
        let position = retried(&self.pool, "load a checkpoint", |pool| {
            sqlx::query_scalar::<_, i64>(LOAD)
                .bind(name)
                .fetch_optional(pool)
        });
        Ok(position.await?.unwrap_or(0).unsigned_abs())
    }

    async fn save(&self, name: &str, position: u64) -> Result<(), LogError> {
        let done = retried(&self.pool, "save a checkpoint", |pool| {
            sqlx::query(SAVE)
                .bind(name)
                .bind(clamp(position))
                .execute(pool)
        });
        done.await?;
        Ok(())
    }
}
