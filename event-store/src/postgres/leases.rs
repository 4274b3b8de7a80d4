//! Leases as rows, by the database's clock.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::PgPool;

use super::pool::retried;
use crate::{Leases, LogError};

const ACQUIRE: &str = "INSERT INTO leases AS held (name, holder, expires_at) \
    VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3)) \
    ON CONFLICT (name) DO UPDATE \
    SET holder = excluded.holder, expires_at = clock_timestamp() + make_interval(secs => $3) \
    WHERE held.holder = excluded.holder OR held.expires_at <= clock_timestamp()";

const RELEASE: &str = "DELETE FROM leases WHERE name = $1 AND holder = $2";

const HOLDER: &str = "SELECT holder FROM leases WHERE name = $1 AND expires_at > clock_timestamp()";

/// [`Leases`] in PostgreSQL.
#[derive(Clone, Debug)]
pub struct PostgresLeases {
    pool: PgPool,
}

impl PostgresLeases {
    /// Leases in the database of `pool`, which has the schema.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Leases for PostgresLeases {
    async fn acquire(&self, name: &str, holder: &str, ttl: Duration) -> Result<bool, LogError> {
        let done = retried(&self.pool, "acquire a lease", |pool| {
            sqlx::query(ACQUIRE)
                .bind(name)
                .bind(holder)
                .bind(ttl.as_secs_f64())
                .execute(pool)
        });
        Ok(done.await?.rows_affected() == 1)
    }

    async fn release(&self, name: &str, holder: &str) -> Result<(), LogError> {
        let done = retried(&self.pool, "release a lease", |pool| {
            sqlx::query(RELEASE).bind(name).bind(holder).execute(pool)
        });
        done.await?;
        Ok(())
    }

    async fn holder(&self, name: &str) -> Result<Option<String>, LogError> {
        retried(&self.pool, "look up a lease", |pool| {
            sqlx::query_scalar(HOLDER).bind(name).fetch_optional(pool)
        })
        .await
    }
}
