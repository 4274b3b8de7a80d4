//! Turns what PostgreSQL and the way to it report into errors of the log.

use std::time::Duration;

use sqlx::{ConnectOptions, PgConnection};

use super::config::Address;
use crate::LogError;

pub(super) fn damaged(log: &str, detail: impl Into<String>) -> LogError {
    LogError::Damaged {
        log: log.to_owned(),
        detail: detail.into(),
    }
}

/// Opens a connection; says in words why there is none.
pub(super) async fn connect(
    address: &Address,
    patience: Duration,
) -> Result<PgConnection, LogError> {
    match tokio::time::timeout(patience, address.options.connect()).await {
        Ok(connected) => connected.map_err(|error| connecting(&address.name, error)),
        Err(_) => Err(unreachable(
            &address.name,
            format!("no answer within {patience:?}"),
        )),
    }
}

fn connecting(log: &str, error: sqlx::Error) -> LogError {
    match &error {
        sqlx::Error::Database(database) => {
            let detail = database.message().to_owned();
            let log = log.to_owned();
            match database.code().as_deref() {
                // invalid_password, invalid_authorization_specification
                Some("28P01" | "28000") => LogError::Credentials { log, detail },
                // It is starting, stopping, full, or has no such database.
                Some("57P01" | "57P02" | "57P03" | "53300" | "3D000") => {
                    LogError::Unreachable { log, detail }
                }
                _ => LogError::storage("connect", error),
            }
        }
        sqlx::Error::Configuration(detail) => LogError::Address {
            detail: detail.to_string(),
        },
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
            unreachable(log, error.to_string())
        }
        _ => LogError::storage("connect", error),
    }
}

fn unreachable(log: &str, detail: String) -> LogError {
    LogError::Unreachable {
        log: log.to_owned(),
        detail,
    }
}

/// A failure of a statement.
pub(super) fn storage(log: &str, operation: &'static str, error: sqlx::Error) -> LogError {
    match &error {
        sqlx::Error::PoolClosed => LogError::Closed,
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            damaged(log, error.to_string())
        }
        _ => LogError::storage(operation, error),
    }
}

/// Whether an error means that the connection is gone, and another may do better.
pub(super) fn is_disconnect(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        // It is going down, crashed, or ended this session.
        sqlx::Error::Database(database) => matches!(
            database.code().as_deref(),
            Some("57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "08006" | "08003")
        ),
        _ => false,
    }
}
