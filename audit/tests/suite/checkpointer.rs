//! Following a log: what is signed, and what never is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use countersign_audit::{
    CheckpointError, CheckpointStore, Checkpointer, Frontier, Kept, Pace, SignedCheckpoint,
    StoreError,
};
use countersign_event_store::{
    Append, EventLog, ExpectedVersion, Metadata, NewEvent, SqliteLog, SqliteReader, StreamAppend,
    StreamId,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::tampered::{log_key, other_key};

/// Keeps everything in memory, and tells of it.
#[derive(Debug)]
struct Memory {
    kept: Mutex<Vec<Kept>>,
    saved: watch::Sender<u64>,
}

impl Memory {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            kept: Mutex::default(),
            saved: watch::Sender::new(0),
        })
    }

    fn all(&self) -> Vec<SignedCheckpoint> {
        let kept = self.kept.lock().expect("not poisoned");
        kept.iter().map(|it| it.checkpoint.clone()).collect()
    }

    async fn reaches(&self, size: u64) {
        let mut saved = self.saved.subscribe();
        saved.wait_for(|at| *at >= size).await.expect("it is there");
    }
}

#[async_trait]
impl CheckpointStore for Memory {
    async fn latest(&self) -> Result<Option<Kept>, StoreError> {
        Ok(self.kept.lock().expect("not poisoned").last().cloned())
    }

    async fn save(&self, kept: &Kept) -> Result<(), StoreError> {
        self.kept.lock().expect("not poisoned").push(kept.clone());
        self.saved.send_replace(kept.checkpoint.checkpoint().size);
        Ok(())
    }
}

pub(crate) async fn log(folder: &TempDir, name: &str) -> Arc<dyn EventLog> {
    let log = SqliteLog::open(folder.path().join(name)).await;
    Arc::new(log.expect("a log"))
}

pub(crate) async fn append(log: &Arc<dyn EventLog>, words: &[&str]) {
    let event = |word: &&str| NewEvent {
        event_type: "Said".into(),
        event_version: 1,
        payload: json!({ "word": word }),
    };
    let append = Append {
        command: None,
        metadata: Metadata {
            correlation_id: Uuid::from_u128(1),
            causation_id: None,
            actor: "test".into(),
            trace_parent: None,
        },
        recorded_at: DateTime::UNIX_EPOCH,
        streams: vec![StreamAppend {
            stream: StreamId::new("talk", 1),
            expected: ExpectedVersion::Any,
            events: words.iter().map(event).collect(),
        }],
        reservations: vec![],
        personal: None,
    };
    log.append(append).await.expect("appended");
}

pub(crate) async fn root(log: &Arc<dyn EventLog>, size: u64) -> [u8; 32] {
    let mut frontier = Frontier::new();
    let limit = usize::try_from(size).expect("small");
    for event in log.read_all(0, limit).await.expect("events") {
        frontier.push(event.hash());
    }
    frontier.root()
}

async fn open(
    log: &Arc<dyn EventLog>,
    store: &Arc<Memory>,
) -> Result<Checkpointer, CheckpointError> {
    Checkpointer::open(log, log_key(), store.clone()).await
}

#[tokio::test]
async fn it_goes_on_from_what_it_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = log(&folder, "log").await;
    let store = Memory::new();
    let mut first = open(&log, &store).await.expect("nothing signed yet");
    assert!(
        first.sign().await.expect("no failure").is_none(),
        "an empty log"
    );
    append(&log, &["a", "b", "c"]).await;
    first.advance(&log, 3).await.expect("three events");
    assert_eq!((first.size(), first.unsigned()), (3, 3));
    let signed = first.sign().await.expect("saved").expect("something new");
    assert_eq!(signed.checkpoint().root, root(&log, 3).await);
    assert!(
        first.sign().await.expect("no failure").is_none(),
        "nothing new"
    );

    append(&log, &["d"]).await;
    let mut second = open(&log, &store).await.expect("the same log");
    assert_eq!(second.size(), 3, "not read again");
    second.advance(&log, u64::MAX).await.expect("one event");
    let signed = second.sign().await.expect("saved").expect("something new");
    assert_eq!(signed.checkpoint().size, 4);
    assert_eq!(signed.checkpoint().root, root(&log, 4).await);
    signed
        .verify(&[log_key().verifier().clone()])
        .expect("signed");
}

#[tokio::test]
async fn without_the_edge_the_log_is_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = log(&folder, "log").await;
    append(&log, &["a", "b", "c"]).await;
    let store = Memory::new();
    let mut first = open(&log, &store).await.expect("nothing signed yet");
    first.advance(&log, 3).await.expect("three events");
    first.sign().await.expect("saved");
    store.kept.lock().expect("not poisoned")[0].edge = None;
    let again = open(&log, &store).await.expect("the same log");
    assert_eq!((again.size(), again.unsigned()), (3, 0));
}

#[tokio::test]
async fn it_never_signs_a_log_that_was_rolled_back_or_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let true_log = log(&folder, "log").await;
    append(&true_log, &["a", "b", "c"]).await;
    let store = Memory::new();
    let mut first = open(&true_log, &store).await.expect("nothing signed yet");
    first.advance(&true_log, 3).await.expect("three events");
    first.sign().await.expect("saved");

    let older = log(&folder, "older").await;
    append(&older, &["a", "b"]).await;
    let error = open(&older, &store).await.expect_err("rolled back");
    let rolled_back = CheckpointError::RolledBack { head: 2, signed: 3 };
    assert_eq!(error.to_string(), rolled_back.to_string());

    let other = log(&folder, "other").await;
    append(&other, &["a", "x", "c", "d"]).await;
    for edge in [true, false] {
        if !edge {
            store.kept.lock().expect("not poisoned")[0].edge = None;
        }
        let error = open(&other, &store).await.expect_err("another log");
        assert!(
            matches!(error, CheckpointError::Forked { signed: 3 }),
            "{error}"
        );
        assert!(!error.is_transient());
    }
    let stranger = Checkpointer::open(&true_log, other_key(), store.clone()).await;
    let error = stranger.expect_err("another key");
    assert!(matches!(error, CheckpointError::Checkpoint(_)), "{error}");
    assert_eq!(store.all().len(), 1, "nothing was signed");
}

#[tokio::test]
async fn it_signs_after_so_many_events_and_at_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = log(&folder, "log").await;
    let store = Memory::new();
    let stop = CancellationToken::new();
    // Only the number of events counts.
    let pace = Pace {
        events: 4,
        interval: Duration::from_secs(3600),
    };
    let running = tokio::spawn(Checkpointer::run(
        log.clone(),
        log_key(),
        store.clone(),
        pace,
        stop.clone(),
    ));
    append(&log, &["a", "b", "c", "d"]).await;
    store.reaches(4).await;
    append(&log, &["e"]).await;
    stop.cancel();
    running.await.expect("it ends").expect("no failure");
    let sizes: Vec<_> = store.all().iter().map(|it| it.checkpoint().size).collect();
    assert_eq!(sizes, [4, 5], "the last one when it stops");
}

#[tokio::test]
async fn it_signs_so_often_when_there_is_anything_new() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = log(&folder, "log").await;
    let store = Memory::new();
    let stop = CancellationToken::new();
    let pace = Pace {
        events: u64::MAX,
        interval: Duration::from_millis(1),
    };
    let running = tokio::spawn(Checkpointer::run(
        log.clone(),
        log_key(),
        store.clone(),
        pace,
        stop.clone(),
    ));
    append(&log, &["a"]).await;
    store.reaches(1).await;
    append(&log, &["b", "c"]).await;
    store.reaches(3).await;
    stop.cancel();
    running.await.expect("it ends").expect("no failure");
    let signed = store.all();
    let last = signed.last().expect("a checkpoint").checkpoint();
    assert_eq!((last.size, last.root), (3, root(&log, 3).await));
}

#[tokio::test]
async fn a_log_is_read_while_another_writes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = log(&folder, "log").await;
    append(&log, &["a", "b"]).await;
    let reader = SqliteReader::open(folder.path().join("log"))
        .await
        .expect("a reader");
    assert_eq!(reader.head().await.expect("a head"), 2);
    append(&log, &["c"]).await;
    let read = reader.read_all(1, 10).await.expect("events");
    let written = log.read_all(1, 10).await.expect("events");
    assert_eq!(read, written);
    let error = SqliteReader::open(folder.path().join("none"))
        .await
        .expect_err("none");
    assert!(error.to_string().contains("find the file"), "{error}");
    assert!(!folder.path().join("none").exists(), "nothing is made");
}
