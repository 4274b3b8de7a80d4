//! Reads the file of a log that another process may be writing to, or none.

use std::{collections::HashMap, fmt, path::Path, sync::Arc};

use countersign_domain::ids::AccountId;
use sqlx::{ConnectOptions, Row, sqlite::SqliteConnectOptions};

use super::{
    check::APPLICATION_ID,
    failure::damaged,
    open::{beside, known_schema},
    personal, read,
    readers::Readers,
};
use crate::{Envelope, LogError, PersonalKey, StreamId};

/// Reads a log in a SQLite file without taking it: it changes nothing, waits for
/// nobody, and what is appended meanwhile shows in the next read.
pub struct SqliteReader {
    readers: Readers,
}

impl SqliteReader {
    /// Opens the file at `path` for reading.
    ///
    /// # Errors
    ///
    /// `Damaged` for a file that is no event log, `NewerSchema`, or `Storage` when
    /// there is no such file or it cannot be read.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, LogError> {
        let path = path.as_ref();
        std::fs::metadata(path).map_err(|error| LogError::storage("find the file", error))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .disable_statement_logging();
        let reader = Self {
            readers: Readers::new(options.clone()),
        };
        match reader.check(path).await {
            // On a medium that cannot be written there is no place for the index of
            // a write-ahead log. Without such a log, none is needed.
            Err(LogError::Storage { .. }) if !beside(path, "-wal").exists() => {
                let reader = Self {
                    readers: Readers::new(options.immutable(true)),
                };
                reader.check(path).await?;
                Ok(reader)
            }
            checked => checked.map(|()| reader),
        }
    }

    async fn check(&self, path: &Path) -> Result<(), LogError> {
        let id = self.number("PRAGMA application_id").await?;
        if id != APPLICATION_ID {
            return Err(damaged(path, "it is no event log"));
        }
        let found = self
            .number("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
            .await?;
        let known = known_schema();
        if found > known {
            return Err(LogError::NewerSchema {
                log: path.display().to_string(),
                found,
                known,
            });
        }
        Ok(())
    }

    /// As [`crate::EventLog::read_all`].
    ///
    /// # Errors
    ///
    /// When the log cannot be read; there is no partial answer.
    pub async fn read_all(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, LogError> {
        read::all(&self.readers, after, limit).await
    }

    /// As [`crate::EventLog::read_stream`].
    ///
    /// # Errors
    ///
    /// When the log cannot be read; there is no partial answer.
    pub async fn read_stream(
        &self,
        stream: &StreamId,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<Arc<Envelope>>, LogError> {
        read::stream(&self.readers, stream, after_version, limit).await
    }

    /// Position of the last event; 0 for an empty log.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub async fn head(&self) -> Result<u64, LogError> {
        let head = self
            .number("SELECT coalesce(max(position), 0) FROM events")
            .await?;
        Ok(head.unsigned_abs())
    }

    /// The keys of the personal data of all accounts that were not erased.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub async fn personal_keys(&self) -> Result<HashMap<AccountId, PersonalKey>, LogError> {
        personal::all(&self.readers).await
    }

    async fn number(&self, query: &'static str) -> Result<i64, LogError> {
        let rows = self
            .readers
            .rows("read the file", sqlx::query(query))
            .await?;
        let first = rows.first().map(|row| row.try_get::<i64, _>(0));
        match first {
            Some(Ok(number)) => Ok(number),
            _ => Err(damaged(self.readers.path(), "it gives no number")),
        }
    }
}

impl fmt::Debug for SqliteReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteReader")
            .field("path", &self.readers.path())
            .finish_non_exhaustive()
    }
}
