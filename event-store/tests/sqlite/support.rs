//! What the tests share.

use std::path::PathBuf;

use chrono::DateTime;
use countersign_event_store::{
    Append, ChainVerifier, EventLog, ExpectedVersion, Metadata, NewEvent, SqliteLog, StreamAppend,
    StreamId,
};
use serde_json::json;
use sqlx::{
    Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteQueryResult},
};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

pub(crate) fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("events.db")
}

pub(crate) async fn open(folder: &TempDir) -> SqliteLog {
    SqliteLog::open(file(folder)).await.expect("a log")
}

/// A connection of somebody else to the same file.
pub(crate) async fn connect(folder: &TempDir) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file(folder));
    SqliteConnection::connect_with(&options)
        .await
        .expect("a connection")
}

pub(crate) async fn execute(
    connection: &mut SqliteConnection,
    statements: &str,
) -> sqlx::Result<SqliteQueryResult> {
    sqlx::raw_sql(statements).execute(connection).await
}

pub(crate) fn append(id: &str, event_type: &str, events: u64) -> Append {
    let stream = StreamAppend {
        stream: StreamId::new("session", id),
        expected: ExpectedVersion::Any,
        events: (0..events)
            .map(|number| NewEvent {
                event_type: event_type.into(),
                event_version: 1,
                payload: json!({ "secret": number }),
            })
            .collect(),
    };
    Append {
        command: None,
        metadata: Metadata {
            correlation_id: Uuid::from_u128(1),
            causation_id: Some(Uuid::from_u128(2)),
            actor: "account/alice".into(),
            trace_parent: None,
        },
        recorded_at: DateTime::from_timestamp_micros(1_750_000_000_000_000).expect("a time"),
        streams: vec![stream],
        reservations: Vec::new(),
        personal: None,
    }
}

/// Checks the whole log and returns how many events it has.
pub(crate) async fn verify(log: &SqliteLog) -> u64 {
    let mut verifier = ChainVerifier::new();
    loop {
        let page = log
            .read_all(verifier.position(), 500)
            .await
            .expect("a page");
        if page.is_empty() {
            return verifier.position();
        }
        for event in page {
            verifier.check(&event).expect("a chain");
        }
    }
}
