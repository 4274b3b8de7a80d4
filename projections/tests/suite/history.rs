//! What was: as a projector that stopped there would show it, with snapshots or without,
//! whatever has become of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_domain::key::KeyEvent;
use countersign_event_store::{
    Decoder, Envelope, EventLog, LogError, ReadLog, SqliteLog, StreamId,
};
use countersign_projections::history::{
    ChangeKind, Entity, History, Kind, MemorySnapshots, Snapshot, Snapshots, fields, models_at,
};
use countersign_projections::{AccountRow, KeyRow, ReadModels, SessionRow, Store as _};
use proptest::collection::vec;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::Value;
use tempfile::TempDir;

use crate::projector::{append, open};
use crate::support::{account_id, envelope, key_facts, session_id};
use crate::world::{World, op};

pub(crate) fn worlds(count: usize, commands: usize) -> Vec<World> {
    let mut runner = TestRunner::deterministic();
    let mut one = || {
        vec(op(), commands)
            .new_tree(&mut runner)
            .expect("ops")
            .current()
    };
    (0..count).map(|_| World::of(&one())).collect()
}

pub(crate) async fn log_of(
    events: &[Arc<Envelope>],
) -> (Arc<dyn ReadLog>, Arc<SqliteLog>, TempDir) {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path()).await;
    for envelope in events {
        append(&*log, envelope).await;
    }
    let shared: Arc<dyn EventLog> = log.clone();
    (Arc::new(shared), log, folder)
}

async fn show<E: Entity>(history: &History, id: E::Id, position: u64) -> Option<Value> {
    let past = history.at::<E>(id, position).await.expect("a past");
    past.row.map(|row| row.show())
}

#[tokio::test]
async fn every_past_is_what_a_projector_that_stopped_there_shows() {
    for world in worlds(6, 60) {
        let (log, _, _folder) = log_of(&world.log).await;
        let history = History::new(log.clone());
        for position in 0..=world.log.len() as u64 {
            let store = models_at(&*log, &Decoder::default(), position, |_| true).await;
            let models = ReadModels::new(store.expect("read models"));
            for id in world.accounts.keys() {
                let row = models.account(*id).await.expect("an account");
                let past = history
                    .at::<AccountRow>(*id, position)
                    .await
                    .expect("a past");
                assert_eq!(past.row.as_ref(), row.as_deref(), "{position}");
            }
            for id in world.keys.keys() {
                let row = models.key(*id).await.expect("a key");
                let past = history.at::<KeyRow>(*id, position).await.expect("a past");
                assert_eq!(past.row.as_ref(), row.as_deref(), "{position}");
            }
            for id in world.sessions.keys() {
                let row = models.session(*id).await.expect("a session");
                let past = history
                    .at::<SessionRow>(*id, position)
                    .await
                    .expect("a past");
                assert_eq!(past.row.as_ref(), row.as_deref(), "{position}");
            }
        }
    }
}

#[tokio::test]
async fn read_models_of_the_head_are_those_that_a_projector_made() {
    let world = &worlds(3, 120)[2];
    let (log, writing, _folder) = log_of(&world.log).await;
    let head = world.log.len() as u64;
    let folded = models_at(&*log, &Decoder::default(), head, |_| true).await;
    let folded = folded.expect("read models");
    let store = Arc::new(countersign_projections::MemoryStore::new());
    let projector = countersign_projections::Projector::new(writing, store.clone());
    let models = projector.read_models();
    let following = tokio::spawn(async move { projector.run().await });
    models
        .wait_for(head, crate::projector::PATIENCE)
        .await
        .expect("in time");
    following.abort();
    assert_eq!(folded.checkpoint().await.expect("a checkpoint"), head);
    let folded = crate::postgres::fixture::everything(&ReadModels::new(folded)).await;
    assert_eq!(folded, crate::postgres::fixture::everything(&models).await);
}

#[tokio::test]
async fn changes_are_what_differs_between_the_two_ends() {
    for world in worlds(4, 60) {
        let (log, _, _folder) = log_of(&world.log).await;
        let history = History::new(log);
        let head = world.log.len() as u64;
        let events = |from: u64, to: u64, id: &str| {
            let all = world.log.iter().filter(|it| it.stream.aggregate_id == id);
            all.filter(|it| it.position > from && it.position <= to)
                .count() as u64
        };
        for (from, to) in [
            (0, head),
            (head / 3, head / 2),
            (head / 2, head),
            (head, head),
        ] {
            let changes = history.changes(from, to, |_| {}).await.expect("changes");
            let streams = |event: &&Arc<Envelope>| event.position > from && event.position <= to;
            let touched: std::collections::BTreeSet<_> = world
                .log
                .iter()
                .filter(streams)
                .map(|it| &it.stream)
                .collect();
            assert_eq!(changes.changed.len(), touched.len());
            for one in &changes.changed {
                let id = one.id.parse::<uuid::Uuid>().expect("a UUID");
                let (before, after) = match one.kind {
                    Kind::Account => both::<AccountRow>(&history, AccountId(id), from, to).await,
                    Kind::Key => both::<KeyRow>(&history, KeyId(id), from, to).await,
                    Kind::Session => both::<SessionRow>(&history, SessionId(id), from, to).await,
                };
                let made = before.is_none();
                assert_eq!(one.change == ChangeKind::Made, made);
                let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
                assert_eq!(one.fields, fields(&before, &after));
                let count: u64 = one.events.values().sum();
                assert_eq!(count, events(from, to, &one.id));
            }
        }
    }
}

async fn both<E: Entity>(
    history: &History,
    id: E::Id,
    from: u64,
    to: u64,
) -> (Option<Value>, Option<Value>) {
    (
        show::<E>(history, id, from).await,
        show::<E>(history, id, to).await,
    )
}

#[tokio::test]
async fn an_event_that_cannot_be_decoded_ends_a_past_as_it_parks_the_stream() {
    let mut events = long_stream(6);
    let bad = Arc::make_mut(&mut events[3]);
    bad.event_version = 99;
    let (log, _, _folder) = log_of(&events).await;
    let history = History::new(log);
    let key = key_facts(account_id(1), session_id(1)).key;
    let last_good = show::<KeyRow>(&history, key, 3).await.expect("a key");
    let past = history.at::<KeyRow>(key, 6).await.expect("a past");
    assert!(past.parked);
    assert_eq!(past.version, 3);
    assert_eq!(past.row.map(|row| row.show()), Some(last_good));
}

/// A key that is frozen and unfrozen again and again.
pub(crate) fn long_stream(length: u64) -> Vec<Arc<Envelope>> {
    let facts = key_facts(account_id(1), session_id(1));
    let stream = StreamId::new("key", facts.key);
    let intent = || "an.intent.jws".to_owned();
    let event = |version: u64| match version {
        1 => KeyEvent::KeyRequested {
            facts: facts.clone(),
            intent: intent(),
        },
        2 => KeyEvent::KeyActivated {
            public_key: crate::support::public_key(),
            chain_code: crate::support::chain_code(),
            receipts: vec!["one".into(), "two".into(), "three".into()],
        },
        version if version % 2 == 1 => KeyEvent::KeyFrozen { intent: intent() },
        _ => KeyEvent::KeyUnfrozen { intent: intent() },
    };
    (1..=length)
        .map(|version| envelope(version, stream.clone(), version, &event(version)))
        .collect()
}

/// Counts the events that are read.
#[derive(Debug)]
struct Counting {
    log: Arc<dyn ReadLog>,
    read: AtomicUsize,
}

impl Counting {
    fn taken(&self) -> usize {
        self.read.swap(0, Ordering::Relaxed)
    }
}

#[async_trait]
impl ReadLog for Counting {
    async fn head(&self) -> Result<u64, LogError> {
        self.log.head().await
    }

    async fn read_all(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, LogError> {
        self.log.read_all(after, limit).await
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Arc<Envelope>>, LogError> {
        let events = self.log.read_stream(stream, after, limit).await?;
        self.read.fetch_add(events.len(), Ordering::Relaxed);
        Ok(events)
    }
}

const LENGTH: u64 = 1_000;

/// What is to be true of snapshots wherever they are kept.
pub(crate) async fn snapshots_help_and_never_matter(
    writing: Arc<dyn EventLog>,
    snapshots: Arc<dyn Snapshots>,
) {
    for envelope in long_stream(LENGTH) {
        append(&*writing, &envelope).await;
    }
    let log: Arc<dyn ReadLog> = Arc::new(writing);
    let counting = Arc::new(Counting {
        log: log.clone(),
        read: AtomicUsize::new(0),
    });
    let plain = History::new(log);
    let history = History::new(counting.clone()).with_snapshots(snapshots.clone());
    let key = key_facts(account_id(1), session_id(1)).key;
    let stream = StreamId::new("key", key);
    let expected = |position| show::<KeyRow>(&plain, key, position);

    // Written by whoever folds the stream first, and of use to the next.
    assert_eq!(
        show::<KeyRow>(&history, key, LENGTH).await,
        expected(LENGTH).await
    );
    assert!(counting.taken() >= 1_000);
    for position in [1, 255, 256, 257, 700, 768, 999, LENGTH] {
        assert_eq!(
            show::<KeyRow>(&history, key, position).await,
            expected(position).await
        );
        assert!(counting.taken() <= 257, "{position}");
    }
    assert_eq!(
        snapshots.latest(&stream, 255).await.expect("an answer"),
        None
    );
    let good = snapshots.latest(&stream, LENGTH).await.expect("an answer");
    let good = good.expect("a snapshot");
    assert_eq!((good.version, good.position), (768, 768));

    let sealed = |mut snapshot: Snapshot| {
        snapshot.sum = snapshot.compute_sum();
        snapshot
    };
    let other = snapshots
        .latest(&stream, 600)
        .await
        .expect("an answer")
        .expect("a snapshot");
    let state = |frozen: &str| good.state.replace("\"active\"", frozen);
    assert_ne!(state("\"frozen\""), good.state);
    let bad = [
        (
            "its state was changed",
            Snapshot {
                state: state("\"frozen\""),
                ..good.clone()
            },
        ),
        (
            "it is truncated",
            Snapshot {
                state: good.state[..40].into(),
                ..good.clone()
            },
        ),
        (
            "it is truncated, and its sum fits",
            sealed(Snapshot {
                state: good.state[..40].into(),
                ..good.clone()
            }),
        ),
        (
            "it is of another log",
            sealed(Snapshot {
                hash: [7; 32],
                ..good.clone()
            }),
        ),
        (
            "it is stale: of an earlier event",
            sealed(Snapshot {
                version: 512,
                ..good.clone()
            }),
        ),
        (
            "it is of an event that is not there",
            sealed(Snapshot {
                version: 5_000,
                ..good.clone()
            }),
        ),
        (
            "it is another's",
            sealed(Snapshot {
                hash: other.hash,
                ..good.clone()
            }),
        ),
        (
            "it has no version",
            sealed(Snapshot {
                version: 0,
                ..good.clone()
            }),
        ),
        (
            "it is empty",
            sealed(Snapshot {
                state: String::new(),
                ..good.clone()
            }),
        ),
    ];
    for (why, snapshot) in bad {
        snapshots.save(vec![snapshot]).await.expect("saved");
        assert_eq!(
            show::<KeyRow>(&history, key, LENGTH).await,
            expected(LENGTH).await,
            "{why}"
        );
        assert!(counting.taken() >= 1_000, "{why}");
        // It was thrown away, and a good one is there again.
        let latest = snapshots.latest(&stream, LENGTH).await.expect("an answer");
        assert_eq!(latest.as_ref(), Some(&good), "{why}");
        assert_eq!(
            show::<KeyRow>(&history, key, LENGTH).await,
            expected(LENGTH).await,
            "{why}"
        );
        assert!(counting.taken() <= 257, "{why}");
    }
    // What another version of the program wrote is not looked at, and replaced.
    let foreign = sealed(Snapshot {
        code: "0.0.0/0".into(),
        state: state("\"frozen\""),
        ..good.clone()
    });
    snapshots.save(vec![foreign]).await.expect("saved");
    let latest = snapshots.latest(&stream, LENGTH).await.expect("an answer");
    assert_eq!(latest.map(|latest| latest.version), Some(512));
    assert_eq!(
        show::<KeyRow>(&history, key, LENGTH).await,
        expected(LENGTH).await
    );
    let latest = snapshots.latest(&stream, LENGTH).await.expect("an answer");
    assert_eq!(latest, Some(good));
    // All of them can be thrown away.
    snapshots.discard(&stream).await.expect("gone");
    assert_eq!(
        snapshots.latest(&stream, LENGTH).await.expect("an answer"),
        None
    );
    assert_eq!(
        show::<KeyRow>(&history, key, 700).await,
        expected(700).await
    );
}

#[tokio::test]
async fn snapshots_in_memory_help_and_never_matter() {
    let (_, log, _folder) = log_of(&[]).await;
    snapshots_help_and_never_matter(log, Arc::new(MemorySnapshots::default())).await;
}

#[tokio::test]
async fn snapshots_in_memory_take_no_more_room_than_they_have() {
    let snapshots = MemorySnapshots::with_room(20_000);
    let events = long_stream(2);
    let (log, _, _folder) = log_of(&events).await;
    let key = key_facts(account_id(1), session_id(1)).key;
    let row = History::new(log)
        .at::<KeyRow>(key, 2)
        .await
        .expect("a past")
        .row;
    let row = row.expect("a key");
    let of = |number: u128| {
        let mut event = (*events[1]).clone();
        event.stream = StreamId::new("key", uuid::Uuid::from_u128(number));
        Snapshot::take(&event, &row).expect("a snapshot")
    };
    let size = of(0).state.len();
    for number in 0..100 {
        snapshots.save(vec![of(number)]).await.expect("saved");
    }
    let mut kept = 0;
    for number in 0..100 {
        let latest = snapshots
            .latest(&of(number).stream, 2)
            .await
            .expect("an answer");
        kept += usize::from(latest.is_some());
    }
    assert!(kept > 0 && kept * size <= 20_000, "{kept} of {size} bytes");
    // The last are there.
    assert!(
        snapshots
            .latest(&of(99).stream, 2)
            .await
            .expect("an answer")
            .is_some()
    );
}
