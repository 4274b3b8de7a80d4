//! What the tests share.

use std::{future::Future, time::Duration};

use chrono::DateTime;
use countersign_event_store::{
    Append, ChainVerifier, EventLog, ExpectedVersion, Metadata, NewEvent, PostgresConfig,
    PostgresLog, StreamAppend, StreamId, postgres,
};
use countersign_test_servers::Database;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// Turns what hangs into a failure.
pub(crate) async fn bounded<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), future)
        .await
        .expect("it ends in time")
}

/// A database with the schema.
pub(crate) async fn database() -> Database {
    let database = countersign_test_servers::database().await;
    migrate(&database.url).await;
    database
}

pub(crate) async fn migrate(url: &str) {
    postgres::migrate(&url.into()).await.expect("a schema");
}

pub(crate) async fn open(url: &str) -> PostgresLog {
    PostgresLog::connect(PostgresConfig::new(url))
        .await
        .expect("a log")
}

/// A connection of somebody else.
pub(crate) async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("a connection")
}

pub(crate) async fn execute(connection: &mut PgConnection, statements: &str) -> sqlx::Result<()> {
    sqlx::raw_sql(statements)
        .execute(connection)
        .await
        .map(drop)
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
pub(crate) async fn verify(log: &dyn EventLog) -> u64 {
    let mut verifier = ChainVerifier::new();
    loop {
        let page = log
            .read_all(verifier.position(), 500)
            .await
            .expect("a page");
        if page.is_empty() {
            assert_eq!(log.head().await.expect("a head"), verifier.position());
            return verifier.position();
        }
        for event in page {
            verifier.check(&event).expect("a chain");
        }
    }
}
