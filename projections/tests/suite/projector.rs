//! The projector over a real log.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::account::AccountEvent;
use countersign_domain::personal::{Personal, Sealed};
use countersign_event_store::{
    Append, Envelope, EventLog, ExpectedVersion, Metadata, NewEvent, PersonalChange, PersonalKey,
    SqliteLog, StreamAppend, StreamId,
};
use countersign_projections::{Batch, MemoryStore, Projector, ReadModels, Store, StoreError};
use proptest::collection::vec;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::support::{account_id, auth_signer, envelope, quorum};
use crate::world::{World, op};

/// Long enough for any machine; nothing waits for it unless it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn open(folder: &Path) -> Arc<SqliteLog> {
    let log = SqliteLog::open(folder.join("events.db")).await;
    Arc::new(log.expect("a log"))
}

pub(crate) async fn append(log: &dyn EventLog, envelope: &Envelope) -> u64 {
    let append = Append {
        command: None,
        metadata: Metadata {
            correlation_id: envelope.correlation_id,
            causation_id: None,
            actor: envelope.actor.clone(),
            trace_parent: None,
        },
        recorded_at: envelope.recorded_at,
        streams: vec![StreamAppend {
            stream: envelope.stream.clone(),
            expected: ExpectedVersion::Any,
            events: vec![NewEvent {
                event_type: envelope.event_type.clone(),
                event_version: envelope.event_version,
                payload: envelope.payload.clone(),
            }],
        }],
        reservations: vec![],
        personal: personal(envelope),
    };
    log.append(append).await.expect("an append").last_position
}

/// What goes with an event of an account.
fn personal(envelope: &Envelope) -> Option<PersonalChange> {
    let account = || envelope.stream.aggregate_id.parse().expect("an account");
    let sealed = envelope.payload["personal"]["sealed"].is_string();
    match envelope.event_type.as_str() {
        "AccountRegistered" if sealed => Some(PersonalChange::Keep {
            account: account(),
            key: PersonalKey::new(Zeroizing::new([0x5e; 32])),
        }),
        "AccountErased" => Some(PersonalChange::Erase { account: account() }),
        _ => None,
    }
}

pub(crate) fn history(seed_rounds: usize) -> World {
    let mut runner = TestRunner::deterministic();
    let strategy = vec(op(), 120);
    let mut ops = vec![];
    for _ in 0..=seed_rounds {
        ops = strategy.new_tree(&mut runner).expect("ops").current();
    }
    World::of(&ops)
}

fn start(log: &Arc<SqliteLog>, store: Arc<dyn Store>) -> (ReadModels, JoinHandle<()>) {
    let projector = Projector::new(log.clone(), store).with_retry(Duration::from_millis(1));
    let models = projector.read_models();
    (models, tokio::spawn(async move { projector.run().await }))
}

async fn rows(models: &ReadModels) -> Value {
    let all = usize::MAX - 1;
    let accounts = models.list_accounts(&Default::default(), None, all).await;
    let keys = models.list_keys(&Default::default(), None, all).await;
    let sessions = models.list_sessions(&Default::default(), None, all).await;
    json!({
        "accounts": accounts.expect("accounts").items,
        "keys": keys.expect("keys").items,
        "sessions": sessions.expect("sessions").items,
    })
}

#[tokio::test]
async fn a_rebuild_ends_where_following_did() {
    for round in 0..4 {
        let folder = TempDir::new().expect("a folder");
        let log = open(folder.path()).await;
        let world = history(round);
        let (followed, follower) = start(&log, Arc::new(MemoryStore::new()));
        for (number, envelope) in world.log.iter().enumerate() {
            let position = append(&*log, envelope).await;
            // Now batches of one event, now of many.
            if number % 7 == 0 {
                followed
                    .wait_for(position, PATIENCE)
                    .await
                    .expect("in time");
            }
        }
        let head = world.log.len() as u64;
        followed.wait_for(head, PATIENCE).await.expect("in time");
        let (rebuilt, rebuilder) = start(&log, Arc::new(MemoryStore::new()));
        rebuilt.wait_for(head, PATIENCE).await.expect("in time");
        assert_eq!(rows(&followed).await, rows(&rebuilt).await);
        assert!(
            !rows(&rebuilt).await["sessions"]
                .as_array()
                .expect("rows")
                .is_empty()
        );
        log.close().await.expect("closed");
        follower.await.expect("it ends with the log");
        rebuilder.await.expect("it ends with the log");
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_decoded_parks_its_stream_and_nothing_else() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path()).await;
    let world = history(1);
    let (before, after) = world.log.split_at(world.log.len() / 2);
    for envelope in before {
        append(&*log, envelope).await;
    }
    let (poison, held_back) = poison(&world);
    let mut positions = vec![];
    for envelope in &poison {
        positions.push(append(&*log, envelope).await);
    }
    for envelope in &held_back {
        append(&*log, envelope).await;
    }
    let mut last = 0;
    for envelope in after {
        last = append(&*log, envelope).await;
    }
    let (models, _) = start(&log, Arc::new(MemoryStore::new()));
    models.wait_for(last, PATIENCE).await.expect("not wedged");
    let status = models.status().await.expect("a status");
    assert_eq!(status.position, last);
    assert_eq!(status.skipped.count, 4);
    let named: Vec<_> = status.skipped.events.iter().map(|e| e.position).collect();
    assert_eq!(named, positions);
    insta::assert_json_snapshot!(
        status
            .skipped
            .events
            .iter()
            .map(|e| (&e.event_type, e.event_version, &e.reason))
            .collect::<Vec<_>>()
    );
    let text = serde_json::to_string(&status).expect("JSON");
    assert!(!text.contains("hunter2"));
    // What follows the poison in its stream is not shown, however good it is.
    for envelope in &held_back {
        let id = envelope.stream.aggregate_id.parse().expect("an id");
        assert!(models.session(id).await.expect("a read").is_none());
        assert!(models.timeline(id).await.expect("a read").is_empty());
    }
}

/// Events that nobody can decode, in streams of their own; then one in the first of
/// these streams and one of another program, which are no poison.
pub(crate) fn poison(world: &World) -> ([Envelope; 4], [Envelope; 1]) {
    let template = &world.log[0];
    let broken = |stream: StreamId, event_type: &str, event_version| Envelope {
        stream,
        event_type: event_type.into(),
        event_version,
        payload: json!({ "type": event_type, "secret": "hunter2" }),
        ..(**template).clone()
    };
    let stranger = |number| StreamId::new("session", Uuid::from_u128(number));
    let poison = [
        broken(stranger(7), "SessionTeleported", 1),
        broken(stranger(8), "SessionCreated", 1),
        broken(stranger(9), "SessionExpired", 9),
        broken(StreamId::new("key", "no-uuid"), "KeyRetired", 1),
    ];
    let created = world
        .log
        .iter()
        .find(|it| it.event_type == "SessionCreated");
    let held_back = Envelope {
        stream: stranger(7),
        ..Envelope::clone(created.expect("a session"))
    };
    (poison, [held_back])
}

#[tokio::test]
async fn waiting_ends_when_the_event_is_there_and_tells_how_far_it_is_otherwise() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path()).await;
    let world = history(2);
    let (models, _) = start(&log, Arc::new(MemoryStore::new()));
    let late = models.wait_for(1, Duration::from_millis(1)).await;
    let late = late.expect_err("nothing is there");
    assert_eq!((late.wanted, late.reached), (1, 0));
    let waiting = {
        let models = models.clone();
        tokio::spawn(async move { models.wait_for(2, PATIENCE).await })
    };
    append(&*log, &world.log[0]).await;
    models.wait_for(1, PATIENCE).await.expect("in time");
    assert!(!waiting.is_finished());
    append(&*log, &world.log[1]).await;
    assert_eq!(waiting.await.expect("no panic"), Ok(2));
}

#[tokio::test]
async fn a_batch_that_does_not_follow_the_checkpoint_is_refused() {
    let store = MemoryStore::new();
    let batch = |after, checkpoint| Batch {
        after,
        checkpoint,
        ..Batch::default()
    };
    store.commit(batch(0, 5)).await.expect("it follows");
    for after in [0, 4, 6] {
        let refused = store.commit(batch(after, 9)).await;
        assert!(
            matches!(refused, Err(StoreError::Overtaken { checkpoint: 5, .. })),
            "{refused:?}"
        );
    }
    assert_eq!(store.checkpoint().await.expect("a checkpoint"), 5);
}

#[tokio::test]
async fn two_projectors_over_one_store_apply_each_event_once() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path()).await;
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (models, _) = start(&log, store.clone());
    let (_, _) = start(&log, store);
    let (alone, _) = start(&log, Arc::new(MemoryStore::new()));
    let world = history(3);
    for envelope in &world.log {
        append(&*log, envelope).await;
    }
    let head = world.log.len() as u64;
    models.wait_for(head, PATIENCE).await.expect("in time");
    alone.wait_for(head, PATIENCE).await.expect("in time");
    assert_eq!(rows(&models).await, rows(&alone).await);
}

/// A history in which an account comes and is erased.
pub(crate) fn history_with_an_erasure() -> World {
    let mut world = history(1);
    let id = account_id(9);
    let registered = AccountEvent::AccountRegistered {
        personal: Personal::Sealed(Sealed(vec![9; 40])),
        auth_key: auth_signer(9).public(),
        quorum: quorum(),
    };
    let intent = "an.intent.jws".into();
    let erased = AccountEvent::AccountErased { intent };
    for (version, event) in [(1, registered), (2, erased)] {
        let position = world.log.len() as u64 + 1;
        let stream = StreamId::new("account", id);
        world.log.push(envelope(position, stream, version, &event));
    }
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_after_an_erasure_ends_where_following_did() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path()).await;
    let world = history_with_an_erasure();
    let (followed, follower) = start(&log, Arc::new(MemoryStore::new()));
    for envelope in &world.log {
        let position = append(&*log, envelope).await;
        let reached = followed.wait_for(position, PATIENCE).await;
        reached.expect("in time");
    }
    let row = followed.account(account_id(9)).await.expect("a read");
    let row = row.expect("a row");
    assert!(row.view.erased && row.sealed.is_none());
    let (rebuilt, rebuilder) = start(&log, Arc::new(MemoryStore::new()));
    let head = world.log.len() as u64;
    rebuilt.wait_for(head, PATIENCE).await.expect("in time");
    assert_eq!(rows(&followed).await, rows(&rebuilt).await);
    log.close().await.expect("closed");
    follower.await.expect("it ends with the log");
    rebuilder.await.expect("it ends with the log");
}
