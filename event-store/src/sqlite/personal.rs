//! The keys of personal data, as they are read.

use std::{collections::HashMap, path::Path};

use async_trait::async_trait;
use countersign_domain::ids::AccountId;
use sqlx::{Row as _, sqlite::SqliteRow};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::{SqliteLog, failure::damaged, readers::Readers, writer::Job};
use crate::{HashKey, LogError, PersonalKey, PersonalKeys};

const WHAT: &str = "read the keys of personal data";

#[async_trait]
impl PersonalKeys for SqliteLog {
    async fn personal_keys(
        &self,
        accounts: &[AccountId],
    ) -> Result<HashMap<AccountId, PersonalKey>, LogError> {
        self.check_open()?;
        if accounts.is_empty() {
            return Ok(HashMap::new());
        }
        let wanted: Vec<_> = accounts.iter().map(ToString::to_string).collect();
        let wanted =
            serde_json::to_string(&wanted).map_err(|error| LogError::storage(WHAT, error))?;
        let query = sqlx::query(
            "SELECT account, key FROM personal_keys \
             WHERE account IN (SELECT value FROM json_each(?1))",
        );
        let readers = &self.shared.readers;
        let rows = readers.rows(WHAT, query.bind(wanted)).await?;
        rows.iter().map(|row| key(readers.path(), row)).collect()
    }

    async fn holder(&self, scope: &str, value: &str) -> Result<Option<String>, LogError> {
        self.check_open()?;
        let query = sqlx::query("SELECT owner FROM reservations WHERE scope = ?1 AND value = ?2");
        let query = query.bind(scope).bind(value);
        let rows = self.shared.readers.rows("find a name", query).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    async fn adopt(&self, key: &HashKey) -> Result<(), LogError> {
        let (reply, done) = oneshot::channel();
        self.queue
            .send(Job::Adopt(key.clone(), reply))
            .await
            .map_err(|_| LogError::Closed)?;
        done.await.map_err(|_| LogError::Closed)?
    }

    async fn check(&self, key: &HashKey) -> Result<(), LogError> {
        self.check_open()?;
        let query = sqlx::query("SELECT check_value FROM personal_hash_key");
        let readers = &self.shared.readers;
        let rows = readers.rows("check the hash key", query).await?;
        check(readers.path(), rows.first().map(|row| row.get(0)), key)
    }
}

/// Refuses another key than the one that was taken note of.
pub(super) fn check(path: &Path, found: Option<&[u8]>, key: &HashKey) -> Result<(), LogError> {
    match found {
        Some(found) if found != key.check_value() => Err(LogError::OtherHashKey {
            log: path.display().to_string(),
        }),
        _ => Ok(()),
    }
}

/// All keys of a file, which may be from before there were any.
pub(super) async fn all(readers: &Readers) -> Result<HashMap<AccountId, PersonalKey>, LogError> {
    let table = sqlx::query("SELECT name FROM sqlite_schema WHERE name = 'personal_keys'");
    if readers.rows(WHAT, table).await?.is_empty() {
        return Ok(HashMap::new());
    }
    let query = sqlx::query("SELECT account, key FROM personal_keys");
    let rows = readers.rows(WHAT, query).await?;
    rows.iter().map(|row| key(readers.path(), row)).collect()
}

fn key(path: &Path, row: &SqliteRow) -> Result<(AccountId, PersonalKey), LogError> {
    let wrong = || damaged(path, "a key of personal data is none");
    let account: &str = row.try_get(0).map_err(|_| wrong())?;
    let key: &[u8] = row.try_get(1).map_err(|_| wrong())?;
    let account = account.parse().map_err(|_| wrong())?;
    let key = <[u8; 32]>::try_from(key).map_err(|_| wrong())?;
    Ok((account, PersonalKey::new(Zeroizing::new(key))))
}
