//! From database errors to the store's.

use std::sync::Arc;

use crate::{Projection, StoreError};

/// What PostgreSQL says of a table that is not there.
const UNDEFINED_TABLE: &str = "42P01";

/// The failure of an operation.
pub(super) fn failed(operation: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |source| StoreError::Storage {
        operation,
        source: Arc::new(source),
    }
}

/// A row that is not what this program writes.
pub(super) fn damaged(projection: Projection) -> impl Fn(serde_json::Error) -> StoreError {
    move |source| StoreError::Damaged {
        projection,
        source: Arc::new(source),
    }
}

/// Whether a table was not there: the version that was read has been dropped.
pub(super) fn is_dropped(error: &StoreError) -> bool {
    let StoreError::Storage { source, .. } = error else {
        return false;
    };
    let database = source
        .downcast_ref::<sqlx::Error>()
        .and_then(sqlx::Error::as_database_error);
    database.is_some_and(|error| error.code().as_deref() == Some(UNDEFINED_TABLE))
}

/// A position as PostgreSQL counts.
pub(super) fn signed(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// A text as PostgreSQL takes it: without NUL, which no honest name has.
pub(super) fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
