//! The keys of personal data, in a table beside the log.

use std::collections::HashMap;

use async_trait::async_trait;
use countersign_domain::ids::AccountId;
use sqlx::{Row as _, postgres::PgRow};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    PostgresLog,
    failure::{damaged, storage},
    pool::retried,
};
use crate::{HashKey, LogError, PersonalKey, PersonalKeys};

const WHAT: &str = "read the keys of personal data";
const KEYS: &str = "SELECT account, key FROM personal_keys WHERE account = ANY ($1)";
const ALL_KEYS: &str = "SELECT account, key FROM personal_keys";
const HOLDER: &str = "SELECT owner FROM reservations WHERE scope = $1 AND value = $2";
const CHECK: &str = "SELECT check_value FROM personal_hash_key";
const NOTE: &str = "INSERT INTO personal_hash_key (check_value) VALUES ($1)";

/// Keeps all others from appending, and from adopting.
const LOCK: &str = "SELECT position FROM log_head FOR UPDATE";

const IN_CLEAR: &str =
    "SELECT scope, value, owner FROM reservations WHERE scope IN ('username', 'email')";
const RESERVE: &str = "INSERT INTO reservations (scope, value, owner) \
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING";
const FREE: &str = "DELETE FROM reservations WHERE scope IN ('username', 'email')";

#[async_trait]
impl PersonalKeys for PostgresLog {
    async fn personal_keys(
        &self,
        accounts: &[AccountId],
    ) -> Result<HashMap<AccountId, PersonalKey>, LogError> {
        self.check_open()?;
        if accounts.is_empty() {
            return Ok(HashMap::new());
        }
        let wanted: Vec<Uuid> = accounts.iter().map(|account| account.0).collect();
        let rows = retried(&self.shared.pool, WHAT, |pool| {
            sqlx::query(KEYS).bind(wanted.clone()).fetch_all(pool)
        });
        let rows = rows.await?;
        rows.iter().map(|row| key(&self.shared.name, row)).collect()
    }

    async fn holder(&self, scope: &str, value: &str) -> Result<Option<String>, LogError> {
        self.check_open()?;
        let found = retried(&self.shared.pool, "find a name", |pool| {
            let query = sqlx::query_scalar::<_, String>(HOLDER);
            query.bind(scope).bind(value).fetch_optional(pool)
        });
        found.await
    }

    async fn adopt(&self, key: &HashKey) -> Result<(), LogError> {
        self.check_open()?;
        let failed = |error| storage(&self.shared.name, "adopt the hash key", error);
        let mut transaction = self.shared.pool.begin().await.map_err(failed)?;
        let connection = &mut *transaction;
        sqlx::query(LOCK)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        let found: Option<Vec<u8>> = sqlx::query_scalar(CHECK)
            .fetch_optional(&mut *connection)
            .await
            .map_err(failed)?;
        self.compare(found.as_deref(), key)?;
        if found.is_none() {
            let note = sqlx::query(NOTE).bind(key.check_value().to_vec());
            note.execute(&mut *connection).await.map_err(failed)?;
        }
        let rows: Vec<(String, String, String)> = sqlx::query_as(IN_CLEAR)
            .fetch_all(&mut *connection)
            .await
            .map_err(failed)?;
        if !rows.is_empty() {
            let (mut scopes, mut values, mut owners) = (vec![], vec![], vec![]);
            for (scope, value, owner) in rows {
                if let Some((scope, value)) = key.renewed(&scope, &value) {
                    scopes.push(scope);
                    values.push(value);
                    owners.push(owner);
                }
            }
            let reserve = sqlx::query(RESERVE).bind(scopes).bind(values).bind(owners);
            reserve.execute(&mut *connection).await.map_err(failed)?;
            sqlx::query(FREE)
                .execute(&mut *connection)
                .await
                .map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }

    async fn check(&self, key: &HashKey) -> Result<(), LogError> {
        self.check_open()?;
        let found = retried(&self.shared.pool, "check the hash key", |pool| {
            sqlx::query_scalar::<_, Vec<u8>>(CHECK).fetch_optional(pool)
        });
        self.compare(found.await?.as_deref(), key)
    }
}

impl PostgresLog {
    /// The keys of all accounts that were not erased, as an operator hands them on.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub async fn all_personal_keys(&self) -> Result<HashMap<AccountId, PersonalKey>, LogError> {
        self.check_open()?;
        let rows = retried(&self.shared.pool, WHAT, |pool| {
            sqlx::query(ALL_KEYS).fetch_all(pool)
        });
        let rows = rows.await?;
        rows.iter().map(|row| key(&self.shared.name, row)).collect()
    }

    /// Refuses another key than the one that was taken note of.
    fn compare(&self, found: Option<&[u8]>, key: &HashKey) -> Result<(), LogError> {
        match found {
            Some(found) if found != key.check_value() => Err(LogError::OtherHashKey {
                log: self.shared.name.clone(),
            }),
            _ => Ok(()),
        }
    }
}

fn key(log: &str, row: &PgRow) -> Result<(AccountId, PersonalKey), LogError> {
    let wrong = || damaged(log, "a key of personal data is none");
    let account: Uuid = row.try_get(0).map_err(|_| wrong())?;
    let key: &[u8] = row.try_get(1).map_err(|_| wrong())?;
    let key = <[u8; 32]>::try_from(key).map_err(|_| wrong())?;
    Ok((AccountId(account), PersonalKey::new(Zeroizing::new(key))))
}
