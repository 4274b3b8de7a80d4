//! The past of a long stream, with snapshots and without, and of a list, on a private
//! server:
//! `EVENTS=100000 cargo bench -p countersign-projections --bench as_of`.

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/suite/support.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_domain::decider::StoredEvent as _;
use countersign_domain::ids::KeyId;
use countersign_domain::key::KeyEvent;
use countersign_event_store::postgres::{PostgresConfig, PostgresLog, migrate};
use countersign_event_store::{
    Append, Decoder, EventLog, ExpectedVersion, Metadata, NewEvent, StreamAppend, StreamId,
};
use countersign_projections::history::{Entity, History, models_at};
use countersign_projections::postgres::PostgresSnapshots;
use countersign_projections::{KeyFilter, KeyRow, ReadModels};
use countersign_test_servers::Postgres;
use sqlx::PgPool;

use support::{account_id, at, chain_code, key_facts, public_key, session_id};

/// The same as in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events to an append.
const CHUNK: u64 = 1000;

/// How often each past is asked for.
const ROUNDS: u32 = 20;

fn main() {
    let events = std::env::var("EVENTS").map_or(100_000, |it| it.parse().expect("a number"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run(events));
}

async fn run(events: u64) {
    let server = Postgres::start().expect("a server");
    let url = server.url("postgres");
    migrate(&url.as_str().into()).await.expect("a schema");
    let pool = PgPool::connect(&url).await.expect("a pool");
    let log = PostgresLog::connect(PostgresConfig::new(url.as_str())).await;
    let log: Arc<dyn EventLog> = Arc::new(log.expect("a log"));
    fill(&*log, events).await;

    let key = key_facts(account_id(1), session_id(1)).key;
    let plain = History::new(Arc::new(log.clone()));
    let snapshots = Arc::new(PostgresSnapshots::new(pool));
    let history = plain.clone().with_snapshots(snapshots);

    let started = Instant::now();
    history.at::<KeyRow>(key, events).await.expect("a past");
    tell(
        "the first with snapshots, which writes them",
        started.elapsed(),
    );
    for (name, position) in [
        ("a tenth", events / 10),
        ("half", events / 2 + 255),
        ("all", events),
    ] {
        let started = Instant::now();
        let without = plain.at::<KeyRow>(key, position).await.expect("a past");
        tell(
            &format!("{name} of it, without snapshots"),
            started.elapsed(),
        );
        let mut worst = Duration::ZERO;
        let started = Instant::now();
        for _ in 0..ROUNDS {
            let one = Instant::now();
            let with = history.at::<KeyRow>(key, position).await.expect("a past");
            worst = worst.max(one.elapsed());
            let (with, without) = (with.row.as_ref(), without.row.as_ref());
            assert_eq!(with.map(Entity::show), without.map(Entity::show));
        }
        tell(
            &format!("{name} of it, with snapshots"),
            started.elapsed() / ROUNDS,
        );
        tell(&format!("{name} of it, the slowest of {ROUNDS}"), worst);
    }
    list(&log, &history).await;
}

/// A page of keys, all of them changed since, and none.
async fn list(log: &Arc<dyn EventLog>, history: &History) {
    const KEYS: u8 = 100;
    let keys = || (2..2 + KEYS).map(|number| key_facts(account_id(1), session_id(number)));
    let intent = || "an.intent.jws".to_owned();
    for facts in keys() {
        let intent = intent();
        append(
            &**log,
            facts.key,
            vec![KeyEvent::KeyRequested { facts, intent }],
        )
        .await;
    }
    let then = log.head().await.expect("a head");
    for facts in keys() {
        let frozen = KeyEvent::KeyFrozen { intent: intent() };
        append(&**log, facts.key, vec![frozen]).await;
    }
    let now = log.head().await.expect("a head");
    let store = models_at(history.log().as_ref(), &Decoder::default(), now, |_| true).await;
    let models = ReadModels::new(store.expect("read models"));
    let filter = KeyFilter::default();
    for (name, position) in [("all changed since", then), ("none changed since", now)] {
        let started = Instant::now();
        for _ in 0..ROUNDS {
            let page = models.list_keys_at(history, position, &filter, None, usize::from(KEYS));
            assert_eq!(page.await.expect("a page").items.len(), usize::from(KEYS));
        }
        let took = started.elapsed() / ROUNDS;
        tell(&format!("a list of {KEYS} keys, {name}"), took);
    }
}

/// A key that is frozen and unfrozen again and again.
async fn fill(log: &dyn EventLog, events: u64) {
    let started = Instant::now();
    let facts = key_facts(account_id(1), session_id(1));
    let intent = || "an.intent.jws".to_owned();
    let event = |version: u64| match version {
        1 => KeyEvent::KeyRequested {
            facts: facts.clone(),
            intent: intent(),
        },
        2 => KeyEvent::KeyActivated {
            public_key: public_key(),
            chain_code: chain_code(),
            receipts: vec!["one".into(), "two".into(), "three".into()],
        },
        version if version % 2 == 1 => KeyEvent::KeyFrozen { intent: intent() },
        _ => KeyEvent::KeyUnfrozen { intent: intent() },
    };
    for first in (1..=events).step_by(usize::try_from(CHUNK).expect("small")) {
        let last = events.min(first + CHUNK - 1);
        append(log, facts.key, (first..=last).map(event).collect()).await;
    }
    tell(
        &format!("{events} events of one stream written"),
        started.elapsed(),
    );
}

async fn append(log: &dyn EventLog, key: KeyId, events: Vec<KeyEvent>) {
    let new = |event: KeyEvent| NewEvent {
        event_type: event.name().into(),
        event_version: event.version(),
        payload: serde_json::to_value(&event).expect("JSON"),
    };
    let append = Append {
        command: None,
        metadata: Metadata {
            correlation_id: uuid::Uuid::from_u128(1),
            causation_id: None,
            actor: "bench".into(),
            trace_parent: None,
        },
        recorded_at: at(1),
        streams: vec![StreamAppend {
            stream: StreamId::new("key", key),
            expected: ExpectedVersion::Any,
            events: events.into_iter().map(new).collect(),
        }],
        reservations: vec![],
        personal: None,
    };
    log.append(append).await.expect("an append");
}

fn tell(what: &str, took: Duration) {
    println!("{what:<50} {:>10.2} ms", took.as_secs_f64() * 1000.0);
}
