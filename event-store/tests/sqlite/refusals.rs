//! Files that are no log, or not a whole one, are refused and left as they are.

use std::fs;

use countersign_event_store::{EventLog, LogError, SqliteLog};
use sqlx::Connection;
use tempfile::TempDir;

use crate::support::{append, connect, execute, file, folder, open};

/// A closed log of some size.
async fn stored() -> TempDir {
    let folder = folder();
    let log = open(&folder).await;
    for stream in ["a", "b", "c"] {
        log.append(append(stream, "Happened", 500)).await.unwrap();
    }
    log.close().await.unwrap();
    folder
}

async fn tampered(statements: &str) -> TempDir {
    let folder = stored().await;
    let mut connection = connect(&folder).await;
    execute(&mut connection, statements).await.unwrap();
    connection.close().await.unwrap();
    folder
}

async fn damage(folder: &TempDir) -> String {
    let before = fs::read(file(folder)).unwrap();
    match SqliteLog::open(file(folder)).await {
        Err(error @ LogError::Damaged { .. }) => {
            assert!(error.to_string().contains("events.db"), "{error}");
            assert!(fs::read(file(folder)).unwrap() == before, "it was changed");
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = folder();
    fs::write(file(&folder), "not a database ".repeat(1000)).unwrap();
    damage(&folder).await;
}

#[tokio::test]
async fn a_database_of_another_program_is_refused() {
    let folder = folder();
    for statement in [
        "PRAGMA user_version = 3; CREATE TABLE notes (text TEXT)",
        "PRAGMA application_id = 5",
    ] {
        fs::write(file(&folder), "").unwrap();
        let mut connection = connect(&folder).await;
        execute(&mut connection, statement).await.unwrap();
        connection.close().await.unwrap();
        let error = damage(&folder).await;
        assert!(error.contains("another program"), "{error}");
    }
}

#[tokio::test]
async fn a_truncated_file_is_refused_wherever_it_ends() {
    let folder = stored().await;
    let whole = fs::read(file(&folder)).unwrap();
    let pages = whole.len() / 4096;
    let ends = [0, 1, 100, 4095, 4096, 8192, whole.len() / 2];
    let ends = ends
        .into_iter()
        .chain([(pages - 1) * 4096, whole.len() - 1]);
    for end in ends {
        fs::write(file(&folder), &whole[..end]).unwrap();
        damage(&folder).await;
        if end > 0 {
            // The same where the file has no history.
            let elsewhere = tempfile::tempdir().unwrap();
            fs::write(file(&elsewhere), &whole[..end]).unwrap();
            damage(&elsewhere).await;
        }
    }
    fs::write(file(&folder), &whole).unwrap();
    open(&folder).await;
}

#[tokio::test]
async fn a_file_with_a_page_overwritten_is_refused() {
    let folder = stored().await;
    let mut bytes = fs::read(file(&folder)).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0x55);
    fs::write(file(&folder), bytes).unwrap();
    damage(&folder).await;
}

#[tokio::test]
async fn a_log_with_a_gap_is_refused() {
    for hole in ["position = 700", "position = 1"] {
        let statements = format!("DROP TRIGGER events_never_go; DELETE FROM events WHERE {hole}");
        let error = damage(&tampered(&statements).await).await;
        assert!(error.contains("1499 events"), "{error}");
    }
}

#[tokio::test]
async fn a_log_of_a_newer_program_is_refused() {
    let folder = tampered(
        "INSERT INTO _sqlx_migrations \
         VALUES (999, 'later', CURRENT_TIMESTAMP, TRUE, x'00', 1)",
    )
    .await;
    match SqliteLog::open(file(&folder)).await {
        Err(LogError::NewerSchema {
            found: 999, known, ..
        }) => assert!(known < 999),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_log_of_another_schema_is_refused() {
    let folder = tampered("UPDATE _sqlx_migrations SET checksum = x'00'").await;
    let error = damage(&folder).await;
    assert!(error.contains("schema"), "{error}");
}

#[tokio::test]
async fn a_file_that_cannot_be_made_is_an_error() {
    let folder = folder();
    let absent = folder.path().join("absent").join("events.db");
    let refused = SqliteLog::open(absent).await;
    assert!(matches!(refused, Err(LogError::Storage { .. })));
    // An empty file, as a first opening that was cut short leaves it, is a new log.
    fs::write(file(&folder), "").unwrap();
    open(&folder).await;
}
