//! Turns what SQLite reports into errors of the log.

use std::path::Path;

use crate::LogError;

pub(super) fn damaged(path: &Path, detail: &str) -> LogError {
    LogError::Damaged {
        log: path.display().to_string(),
        detail: detail.to_owned(),
    }
}

/// Tells damage from the other failures of the storage.
pub(super) fn storage(path: &Path, operation: &'static str, error: sqlx::Error) -> LogError {
    const CORRUPT: i32 = 11;
    const NOT_A_DATABASE: i32 = 26;
    match &error {
        sqlx::Error::Database(database) => {
            // The low byte of an extended code is the primary one.
            let code = database.code().and_then(|code| code.parse::<i32>().ok());
            match code.map(|code| code & 0xff) {
                Some(CORRUPT | NOT_A_DATABASE) => damaged(path, database.message()),
                _ => LogError::storage(operation, error),
            }
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            damaged(path, &error.to_string())
        }
        _ => LogError::storage(operation, error),
    }
}
