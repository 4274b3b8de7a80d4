//! Subscriptions in the database of the log.

use async_trait::async_trait;
use sqlx::types::Json;
use sqlx::{PgPool, Row as _};
use uuid::Uuid;

use super::{Letter, StoreError, WebhookStore};
use crate::subscription::{DeadLetter, Subscription};

/// [`WebhookStore`] in PostgreSQL, for any number of processes.
#[derive(Clone, Debug)]
pub struct PostgresWebhooks {
    pool: PgPool,
}

impl PostgresWebhooks {
    /// In the database of `pool`, which has the schema.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

const INSERT: &str = "INSERT INTO webhook_subscriptions (id, revision, document) \
    SELECT $1, 1, $2 WHERE (SELECT count(*) FROM webhook_subscriptions) < $3 \
    ON CONFLICT (id) DO NOTHING";

const SELECT: &str = "SELECT revision, document FROM webhook_subscriptions";

const REPLACE: &str = "UPDATE webhook_subscriptions SET revision = revision + 1, document = $3 \
    WHERE id = $1 AND revision = $2";

const PUT: &str = "INSERT INTO webhook_dead_letters (subscription, position, document) \
    VALUES ($1, $2, $3) \
    ON CONFLICT (subscription, position) DO UPDATE SET document = excluded.document";

const TAKE: &str = "DELETE FROM webhook_dead_letters WHERE subscription = $1 AND position = $2";

#[async_trait]
impl WebhookStore for PostgresWebhooks {
    async fn insert(&self, subscription: &Subscription, max: u32) -> Result<bool, StoreError> {
        let failed = |error| StoreError::new("adding a subscription", error);
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        // One at a time, so that the count stays true.
        sqlx::query("LOCK TABLE webhook_subscriptions IN SHARE ROW EXCLUSIVE MODE")
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        let done = sqlx::query(INSERT)
            .bind(subscription.id)
            .bind(Json(subscription))
            .bind(i64::from(max))
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(done.rows_affected() == 1)
    }

    async fn get(&self, id: Uuid) -> Result<Option<Subscription>, StoreError> {
        let failed = |error| StoreError::new("reading a subscription", error);
        let row = sqlx::query(&format!("{SELECT} WHERE id = $1"))
            .bind(id)
            .fetch_optional(&self.pool)
            .await
            .map_err(failed)?;
        row.map(|row| read(&row)).transpose().map_err(failed)
    }

    async fn list(&self) -> Result<Vec<Subscription>, StoreError> {
        let failed = |error| StoreError::new("listing subscriptions", error);
        let rows = sqlx::query(SELECT)
            .fetch_all(&self.pool)
            .await
            .map_err(failed)?;
        let all: Result<Vec<_>, _> = rows.iter().map(read).collect();
        let mut all = all.map_err(failed)?;
        all.sort_by_key(|subscription| (subscription.created_at, subscription.id));
        Ok(all)
    }

    async fn replace(
        &self,
        subscription: &Subscription,
        letter: &Letter,
    ) -> Result<bool, StoreError> {
        let failed = |error| StoreError::new("changing a subscription", error);
        let replace = sqlx::query(REPLACE)
            .bind(subscription.id)
            .bind(clamp(subscription.revision))
            .bind(Json(subscription));
        let change = match letter {
            Letter::Keep => {
                let done = replace.execute(&self.pool).await.map_err(failed)?;
                return Ok(done.rows_affected() == 1);
            }
            Letter::Put(letter) => sqlx::query(PUT)
                .bind(subscription.id)
                .bind(clamp(letter.position))
                .bind(Json(letter)),
            Letter::Take(position) => sqlx::query(TAKE)
                .bind(subscription.id)
                .bind(clamp(*position)),
        };
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        let done = replace.execute(&mut *transaction).await.map_err(failed)?;
        if done.rows_affected() != 1 {
            return Ok(false);
        }
        change.execute(&mut *transaction).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(true)
    }

    async fn remove(&self, id: Uuid) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM webhook_subscriptions WHERE id = $1")
            .bind(id)
            .execute(&self.pool)
            .await
            .map_err(|error| StoreError::new("removing a subscription", error))?;
        Ok(done.rows_affected() == 1)
    }

    async fn dead_letters(
        &self,
        id: Uuid,
        after: u64,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let rows: Vec<Json<DeadLetter>> = sqlx::query_scalar(
            "SELECT document FROM webhook_dead_letters \
             WHERE subscription = $1 AND position > $2 ORDER BY position LIMIT $3",
        )
        .bind(id)
        .bind(clamp(after))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| StoreError::new("reading dead letters", error))?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    async fn count_dead_letters(&self) -> Result<Vec<(Uuid, u64)>, StoreError> {
        let rows: Vec<(Uuid, i64)> = sqlx::query_as(
            "SELECT subscription, count(*) FROM webhook_dead_letters GROUP BY subscription",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| StoreError::new("counting dead letters", error))?;
        let rows = rows.into_iter();
        Ok(rows.map(|(id, count)| (id, count.unsigned_abs())).collect())
    }
}

fn read(row: &sqlx::postgres::PgRow) -> sqlx::Result<Subscription> {
    let Json(mut subscription): Json<Subscription> = row.try_get("document")?;
    subscription.revision = row.try_get::<i64, _>("revision")?.unsigned_abs();
    Ok(subscription)
}

fn clamp(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
