//! How fast the SQLite log appends and reads, in events.

use std::sync::Arc;

use chrono::DateTime;
use countersign_event_store::{
    Append, EventLog, ExpectedVersion, Metadata, NewEvent, SqliteLog, StreamAppend, StreamId,
};
use divan::{Bencher, counter::ItemsCount};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

fn main() {
    divan::main();
}

struct Fixture {
    runtime: Runtime,
    log: Arc<SqliteLog>,
    _folder: TempDir,
}

/// An open log; with events, it is reopened so that none of them are in memory.
fn fixture(streams: usize, events: usize) -> Fixture {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.db");
    let log = runtime.block_on(async {
        let log = SqliteLog::open(&path).await.expect("a log");
        for stream in 0..streams {
            log.append(append(stream, events)).await.expect("appended");
        }
        log.close().await.expect("closed");
        SqliteLog::open(&path).await.expect("a log")
    });
    Fixture {
        runtime,
        log: Arc::new(log),
        _folder: folder,
    }
}

fn stream(id: usize) -> StreamId {
    StreamId::new("session", Uuid::from_u128(id as u128))
}

fn append(id: usize, events: usize) -> Append {
    let event = NewEvent {
        event_type: "ParticipantJoined".into(),
        event_version: 1,
        payload: json!({
            "participant": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
            "device": {"name": "phone", "fingerprint": "ab".repeat(32)},
            "joined_at": "2026-01-01T00:00:00.000000Z",
        }),
    };
    Append {
        command: None,
        metadata: Metadata {
            correlation_id: Uuid::from_u128(1),
            causation_id: Some(Uuid::from_u128(2)),
            actor: "account/7c9e6679-7425-40de-944b-e07fc1f90ae7".into(),
            trace_parent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        },
        recorded_at: DateTime::UNIX_EPOCH,
        streams: vec![StreamAppend {
            stream: stream(id),
            expected: ExpectedVersion::Any,
            events: vec![event; events],
        }],
        reservations: Vec::new(),
        personal: None,
    }
}

/// Appends of one event, each writer to a stream of its own.
#[divan::bench(args = [1, 32, 256], sample_count = 20, sample_size = 1)]
fn append_single_events(bencher: Bencher<'_, '_>, writers: usize) {
    const TOTAL: usize = 2048;
    let fixture = fixture(0, 0);
    bencher.counter(ItemsCount::new(TOTAL)).bench(|| {
        fixture.runtime.block_on(async {
            let tasks: Vec<_> = (0..writers)
                .map(|writer| {
                    let log = fixture.log.clone();
                    tokio::spawn(async move {
                        for _ in 0..TOTAL / writers {
                            log.append(append(writer, 1)).await.expect("appended");
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.expect("a writer");
            }
        });
    });
}

/// The whole log from the file, in pages.
#[divan::bench(args = [100, 1000, 5000], sample_count = 20, sample_size = 1)]
fn read_all(bencher: Bencher<'_, '_>, page: usize) {
    let fixture = fixture(50, 1000);
    bencher.counter(ItemsCount::new(50_000_usize)).bench(|| {
        fixture.runtime.block_on(async {
            let mut after = 0;
            while let Some(last) = fixture
                .log
                .read_all(after, page)
                .await
                .expect("a page")
                .last()
            {
                after = last.position;
            }
            assert_eq!(after, 50_000);
        });
    });
}

/// One stream of a session's length among many.
#[divan::bench]
fn read_stream(bencher: Bencher<'_, '_>) {
    let fixture = fixture(1000, 12);
    let stream = stream(500);
    bencher.counter(ItemsCount::new(12_usize)).bench(|| {
        let read = fixture.log.read_stream(&stream, 0, 1000);
        let events = fixture.runtime.block_on(read).expect("a stream");
        assert_eq!(events.len(), 12);
    });
}
