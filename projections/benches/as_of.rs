//! The past of a long stream, with snapshots and without, on a private server:
//! `EVENTS=100000 cargo bench -p countersign-projections --bench as_of`.

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/suite/support.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_domain::decider::StoredEvent as _;
use countersign_domain::key::KeyEvent;
use countersign_event_store::postgres::{PostgresConfig, PostgresLog, migrate};
use countersign_event_store::{
    Append, EventLog, ExpectedVersion, Metadata, NewEvent, StreamAppend, StreamId,
};
use countersign_projections::KeyRow;
use countersign_projections::history::{Entity, History};
use countersign_projections::postgres::PostgresSnapshots;
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
    let plain = History::new(Arc::new(log));
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
    let new = |version| {
        let event = event(version);
        NewEvent {
            event_type: event.name().into(),
            event_version: event.version(),
            payload: serde_json::to_value(&event).expect("JSON"),
        }
    };
    for first in (1..=events).step_by(usize::try_from(CHUNK).expect("small")) {
        let last = events.min(first + CHUNK - 1);
        let append = Append {
            command: None,
            metadata: Metadata {
                correlation_id: uuid::Uuid::from_u128(1),
                causation_id: None,
                actor: "bench".into(),
                trace_parent: None,
            },
            recorded_at: at(first),
            streams: vec![StreamAppend {
                stream: StreamId::new("key", facts.key),
                expected: ExpectedVersion::Any,
                events: (first..=last).map(new).collect(),
            }],
            reservations: vec![],
            personal: None,
        };
        log.append(append).await.expect("an append");
    }
    tell(
        &format!("{events} events of one stream written"),
        started.elapsed(),
    );
}

fn tell(what: &str, took: Duration) {
    println!("{what:<50} {:>10.2} ms", took.as_secs_f64() * 1000.0);
}
