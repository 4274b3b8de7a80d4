//! Tells an intact log from other files, without writing to them.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use sqlx::SqliteConnection;

use super::{
    failure::{damaged, storage},
    open::beside,
};
use crate::LogError;

/// "CSIG", as the first migration sets it.
pub(super) const APPLICATION_ID: i64 = 0x4353_4947;

/// Length of the shortest database, in bytes.
const HEADER: u64 = 512;

/// Refuses a file that is neither a log nor new.
pub(super) async fn file(
    path: &Path,
    lock: &File,
    writer: &mut SqliteConnection,
) -> Result<(), LogError> {
    let failed = |error| storage(path, "check the file", error);
    let id: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *writer)
        .await
        .map_err(failed)?;
    // A first opening that was cut short leaves the migrations' own table at most.
    let tables: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sqlite_schema WHERE tbl_name <> '_sqlx_migrations'",
    )
    .fetch_one(&mut *writer)
    .await
    .map_err(failed)?;
    if id != APPLICATION_ID && (id != 0 || tables != 0) {
        return Err(damaged(path, "it is a database of another program"));
    }
    let length = |metadata: io::Result<fs::Metadata>| {
        let length = metadata.map(|metadata| metadata.len());
        length.map_err(|error| LogError::storage("check the file", error))
    };
    let size = length(fs::metadata(path))?;
    if id == 0 {
        // SQLite takes what is shorter than a header for a new database.
        if length(lock.metadata())? > 0 || (1..HEADER).contains(&size) {
            return Err(damaged(path, "it is empty, and it has held something"));
        }
        return Ok(());
    }
    let page: i64 = sqlx::query_scalar("PRAGMA page_size")
        .fetch_one(&mut *writer)
        .await
        .map_err(failed)?;
    // SQLite fills the last page up with zeros. With a write-ahead log beside the
    // file that page may well be on its way.
    let is_logged = fs::metadata(beside(path, "-wal")).is_ok_and(|wal| wal.len() > 0);
    if !is_logged && !size.is_multiple_of(page.unsigned_abs()) {
        return Err(damaged(path, "it ends within a page"));
    }
    let report: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(&mut *writer)
        .await
        .map_err(failed)?;
    if report != "ok" {
        return Err(damaged(path, &report));
    }
    Ok(())
}

/// Counts the events, which have to be at the positions from 1 on; returns how many.
pub(super) async fn events(path: &Path, writer: &mut SqliteConnection) -> Result<u64, LogError> {
    let (count, first, last): (i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), coalesce(min(position), 1), coalesce(max(position), 0) FROM events",
    )
    .fetch_one(writer)
    .await
    .map_err(|error| storage(path, "count the events", error))?;
    if first != 1 || count != last {
        return Err(damaged(
            path,
            &format!("it holds {count} events at positions {first} to {last}"),
        ));
    }
    Ok(last.unsigned_abs())
}
