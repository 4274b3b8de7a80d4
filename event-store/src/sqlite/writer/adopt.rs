//! Which key names are reserved under.

use sqlx::Row as _;

use super::Writer;
use crate::{
    HashKey, LogError,
    sqlite::{failure::storage, personal::check},
};

const WHAT: &str = "adopt the hash key";

impl Writer {
    /// Takes note of the key if there is none, and reserves under it what is reserved in
    /// clear.
    pub(super) async fn adopt(&mut self, key: &HashKey) -> Result<(), LogError> {
        self.execute("BEGIN IMMEDIATE").await?;
        let mut outcome = self.adopt_in_transaction(key).await;
        if outcome.is_ok() {
            outcome = self.execute("COMMIT").await;
        }
        if outcome.is_err() {
            // Fails if the failure has rolled back already.
            let _ = self.execute("ROLLBACK").await;
        }
        outcome
    }

    async fn adopt_in_transaction(&mut self, key: &HashKey) -> Result<(), LogError> {
        let path = self.shared.path.clone();
        let failed = |error| storage(&path, WHAT, error);
        let found: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT check_value FROM personal_hash_key")
                .fetch_optional(&mut self.connection)
                .await
                .map_err(failed)?;
        check(&path, found.as_deref(), key)?;
        if found.is_none() {
            sqlx::query("INSERT INTO personal_hash_key (single, check_value) VALUES (1, ?)")
                .bind(key.check_value().to_vec())
                .execute(&mut self.connection)
                .await
                .map_err(failed)?;
        }
        let rows = sqlx::query(
            "SELECT scope, value, owner FROM reservations WHERE scope IN ('username', 'email')",
        )
        .fetch_all(&mut self.connection)
        .await
        .map_err(failed)?;
        for row in rows {
            let (scope, value, owner): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
            if let Some((scope, value)) = key.renewed(scope, value) {
                sqlx::query(
                    "INSERT OR IGNORE INTO reservations (scope, value, owner) VALUES (?, ?, ?)",
                )
                .bind(scope)
                .bind(value)
                .bind(owner)
                .execute(&mut self.connection)
                .await
                .map_err(failed)?;
            }
        }
        sqlx::query("DELETE FROM reservations WHERE scope IN ('username', 'email')")
            .execute(&mut self.connection)
            .await
            .map_err(failed)?;
        Ok(())
    }
}
