//! How fast 32 writers append to PostgreSQL, with fsync on: plain rows, commands
//! through stock postgres-es, commands through this log. All three in one run, on one
//! private server, in turns.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use chrono::DateTime;
use countersign_event_store::{
    Append, CommandRecord, EventLog, ExpectedVersion, Metadata, NewEvent, PostgresConfig,
    PostgresLog, StreamAppend, StreamId, postgres,
};
use countersign_test_servers::{Postgres, database_in};
use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use postgres_es::postgres_cqrs;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::task::JoinSet;
use uuid::Uuid;

/// The same as in the program, for all three.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WRITERS: u64 = 32;
const TURNS: usize = 11;
const TURN: Duration = Duration::from_secs(3);

/// The table as postgres-es ships it.
const STOCK: &str = "CREATE TABLE events (
    aggregate_type text NOT NULL,
    aggregate_id text NOT NULL,
    sequence bigint CHECK (sequence >= 0) NOT NULL,
    event_type text NOT NULL,
    event_version text NOT NULL,
    payload json NOT NULL,
    metadata json NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence))";

/// Events to a stream before its writer takes another: about a session's length.
const LENGTH: u64 = 12;

fn payload() -> Value {
    json!({
        "participant": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "device": {"name": "phone", "fingerprint": "ab".repeat(32)},
        "joined_at": "2026-01-01T00:00:00.000000Z",
    })
}

#[derive(Default, Serialize, Deserialize)]
struct Joined;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Event(Value);

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        "ParticipantJoined".into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}

impl Aggregate for Joined {
    const TYPE: &'static str = "session";
    type Command = ();
    type Event = Event;
    type Error = std::convert::Infallible;
    type Services = ();

    async fn handle(&mut self, (): (), (): &(), sink: &EventSink<Self>) -> Result<(), Self::Error> {
        sink.write(Event(payload()), self).await;
        Ok(())
    }

    fn apply(&mut self, _: Event) {}
}

/// A stream and the version before its next event, for a writer's count.
fn place(turn: usize, writer: u64, count: u64) -> (Uuid, u64) {
    let stream = Uuid::from_u64_pair(((turn as u64) << 32) | writer, count / LENGTH);
    (stream, count % LENGTH)
}

fn append(turn: usize, writer: u64, count: u64) -> Append {
    let (stream, version) = place(turn, writer, count);
    let id = Uuid::from_u64_pair(((turn as u64) << 32) | writer, count | (1 << 63));
    Append {
        command: Some(CommandRecord {
            id,
            fingerprint: [7; 32],
        }),
        metadata: Metadata {
            correlation_id: id,
            causation_id: Some(id),
            actor: "account/7c9e6679-7425-40de-944b-e07fc1f90ae7".into(),
            trace_parent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        },
        recorded_at: DateTime::UNIX_EPOCH,
        streams: vec![StreamAppend {
            stream: StreamId::new("session", stream),
            expected: ExpectedVersion::Exact(version),
            events: vec![NewEvent {
                event_type: "ParticipantJoined".into(),
                event_version: 1,
                payload: payload(),
            }],
        }],
        reservations: Vec::new(),
        personal: None,
    }
}

/// Events a second of `WRITERS` that each do `step` over and over.
async fn rate<F>(step: impl Fn(u64, u64) -> F + Clone + Send + 'static) -> f64
where
    F: Future<Output = ()> + Send,
{
    let done = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (step, done) = (step.clone(), done.clone());
        writers.spawn(async move {
            for count in 0.. {
                if begun.elapsed() >= TURN {
                    return;
                }
                step(writer, count).await;
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    writers.join_all().await;
    done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}

async fn plain(pool: &PgPool, turn: usize) -> f64 {
    let pool = pool.clone();
    rate(move |writer, count| {
        let pool = pool.clone();
        async move {
            let (stream, version) = place(turn, writer, count);
            sqlx::query("INSERT INTO events VALUES ('session', $1, $2, $3, '1', $4, $5)")
                .bind(stream.to_string())
                .bind(version as i64 + 1)
                .bind("ParticipantJoined")
                .bind(payload())
                .bind(json!({"actor": "account/7c9e6679-7425-40de-944b-e07fc1f90ae7"}))
                .execute(&pool)
                .await
                .expect("a row");
        }
    })
    .await
}

async fn stock(pool: &PgPool, turn: usize) -> f64 {
    let framework = Arc::new(postgres_cqrs::<Joined>(pool.clone(), vec![], ()));
    rate(move |writer, count| {
        let framework = framework.clone();
        async move {
            let (stream, _) = place(turn, writer, count);
            let done = framework.execute(&stream.to_string(), ()).await;
            done.expect("a command");
        }
    })
    .await
}

async fn this(log: &Arc<PostgresLog>, turn: usize) -> f64 {
    let log = log.clone();
    rate(move |writer, count| {
        let log = log.clone();
        async move {
            let done = log.append(append(turn, writer, count)).await;
            done.expect("an append");
        }
    })
    .await
}

async fn stock_pool(server: &Postgres) -> Result<PgPool> {
    let url = database_in(&server.url("postgres")).await?.url;
    let pool = PgPoolOptions::new()
        .min_connections(WRITERS as u32)
        .max_connections(WRITERS as u32)
        .test_before_acquire(false)
        .connect(&url)
        .await?;
    sqlx::raw_sql(STOCK).execute(&pool).await?;
    Ok(pool)
}

/// So that what one writes to disk in the background does not fall into the turn of
/// another, and the server's files are there to be used again, as in a server that has
/// run for a while.
async fn checkpoint(pool: &PgPool) -> Result<()> {
    sqlx::raw_sql("CHECKPOINT").execute(pool).await?;
    Ok(())
}

fn middle(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

#[tokio::main]
async fn main() -> Result<()> {
    // `cargo test --benches` only wants to know that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let server = Postgres::start()?;
    let rows = stock_pool(&server).await?;
    let commands = stock_pool(&server).await?;
    let url = database_in(&server.url("postgres")).await?.url;
    postgres::migrate(&url[..].into()).await?;
    let log = Arc::new(PostgresLog::connect(PostgresConfig::new(&url[..])).await?);
    let (mut plains, mut stocks, mut these) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..TURNS {
        checkpoint(&rows).await?;
        plains.push(plain(&rows, turn).await);
        checkpoint(&rows).await?;
        stocks.push(stock(&commands, turn).await);
        checkpoint(&rows).await?;
        these.push(this(&log, turn).await);
    }
    // Of neighbours in time, so that a machine that becomes slower meanwhile does not show.
    let by = |those: &[f64]| middle(these.iter().zip(those).map(|(a, b)| a / b).collect());
    let (by_plain, by_stock) = (by(&plains), by(&stocks));
    let (plain, stock, this) = (middle(plains), middle(stocks), middle(these));
    println!("{WRITERS} writers, fsync on, events/s, the middle of {TURNS} turns of {TURN:?}:");
    println!("  plain single-row inserts  {plain:>8.0}");
    println!("  stock postgres-es         {stock:>8.0}");
    println!("  this log                  {this:>8.0}");
    let shared: f64 = sqlx::query_scalar(
        "SELECT count(*)::float8 / greatest(count(DISTINCT xmin::text), 1) FROM events",
    )
    .fetch_one(log.pool())
    .await?;
    println!("  events to a transaction   {shared:>8.1}");
    println!("  this log / plain  {by_plain:.2}, the middle of the turns");
    println!("  this log / stock  {by_stock:.2}, the middle of the turns");
    log.close().await?;
    Ok(())
}
