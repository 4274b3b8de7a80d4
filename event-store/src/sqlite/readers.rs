//! A few read-only connections, opened as they are needed.
//!
//! A connection goes back only from a read that ran to its end. If the caller goes
//! away before, the connection is dropped with the read, and another is opened.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use tokio::sync::Semaphore;

use super::{
    failure::storage,
    read::{PAGE, Select},
};
use crate::LogError;

/// Reads at the same time.
const READERS: u32 = 4;

pub(super) struct Readers {
    options: SqliteConnectOptions,
    idle: Mutex<Vec<SqliteConnection>>,
    permits: Semaphore,
}

impl Readers {
    pub(super) fn new(options: SqliteConnectOptions) -> Self {
        Self {
            options: options.read_only(true).row_buffer_size(PAGE),
            idle: Mutex::default(),
            permits: Semaphore::new(READERS as usize),
        }
    }

    /// All rows of a query.
    pub(super) async fn rows(
        &self,
        operation: &'static str,
        query: Select<'_>,
    ) -> Result<Vec<SqliteRow>, LogError> {
        let _permit = self.permits.acquire().await.map_err(|_| LogError::Closed)?;
        let failed = |error| storage(self.path(), operation, error);
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.options.connect().await.map_err(failed)?,
        };
        let rows = query.fetch_all(&mut connection).await.map_err(failed)?;
        self.idle().push(connection);
        Ok(rows)
    }

    pub(super) fn path(&self) -> &Path {
        self.options.get_filename()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }

    /// Waits for the reads under way and refuses others.
    pub(super) async fn close(&self) {
        if let Ok(permits) = self.permits.acquire_many(READERS).await {
            self.permits.close();
            drop(permits);
        }
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            // It only reads: there is nothing to lose.
            let _ = connection.close().await;
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
