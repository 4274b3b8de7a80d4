//! A rebuild of all projections beside a bare read of the same table, on a private
//! server, in turns: `EVENTS=1000000 TURNS=5 cargo bench --workspace --bench rebuild`.

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/suite/support.rs"]
mod support;

#[path = "rebuild/history.rs"]
mod history;

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_event_store::postgres::{PostgresConfig, PostgresLog, migrate};
use countersign_event_store::{Decoder, EventLog};
use countersign_projections::Projection;
use countersign_projections::postgres::{Phase, Rebuild, status};
use countersign_test_servers::Postgres;
use sqlx::{PgPool, Row as _};
use tokio_util::sync::CancellationToken;

/// The same as in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events to a page of the bare read.
const PAGE: i64 = 5000;

fn main() {
    let set = |name, or| std::env::var(name).map_or(or, |it| it.parse().expect("a number"));
    let events = set("EVENTS", 1_000_000);
    let turns = usize::try_from(set("TURNS", 5).max(1)).expect("few");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run(events, turns));
}

async fn run(events: u64, turns: usize) {
    let server = Postgres::start_with(&["shared_buffers=512MB", "max_wal_size=4GB"]);
    let server = server.expect("a server");
    let url = server.url("postgres").into();
    migrate(&url).await.expect("a schema");
    let pool = PgPool::connect(&server.url("postgres"))
        .await
        .expect("a pool");
    let started = Instant::now();
    history::fill(&pool, events).await;
    println!(
        "{events} events written in {:.1} s",
        started.elapsed().as_secs_f64()
    );
    // A server that has run for a while has no more to write of the log, and files of
    // its own log to use again; neither side is to wait for them.
    let checkpoint = sqlx::query("CHECKPOINT").execute(&pool).await;
    checkpoint.expect("a checkpoint");
    let log = PostgresLog::connect(PostgresConfig::new(url)).await;
    let log: Arc<dyn EventLog> = Arc::new(log.expect("a log"));

    // The first finds nothing in the server's memory.
    tell("bare keyset read, cold", events, bare_read(&pool).await);
    tell(
        "read and decoded, one thread",
        events,
        decoded_read(&*log).await,
    );
    let before = peak_memory();
    let (mut ratios, mut bare) = (vec![], bare_read(&pool).await);
    for _ in 0..turns {
        let (whole, filled) = rebuild(&log, &pool).await;
        for it in status(&pool, events).await.expect("a status") {
            assert_eq!((it.lag, it.parked), (0, 0), "{}", it.projection);
        }
        // Beside what was read before and after it, because the machine has its moods.
        let after = bare_read(&pool).await;
        let beside = (bare + after) / 2;
        bare = after;
        tell("bare keyset read, before and after", events, beside);
        tell("rebuild of all projections", events, whole);
        tell("  of which filling", events, filled);
        ratios.push(beside.as_secs_f64() / whole.as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "rebuild / bare read: {:.1} %, the middle of {turns} turns, {:.1} to {:.1} %",
        100.0 * ratios[turns / 2],
        100.0 * ratios[0],
        100.0 * ratios[turns - 1]
    );
    println!(
        "peak memory before and after: {before} and {} MiB",
        peak_memory()
    );
}

/// How long a rebuild takes, and the filling alone.
async fn rebuild(log: &Arc<dyn EventLog>, pool: &PgPool) -> (Duration, Duration) {
    let started = Instant::now();
    let mut filled = Duration::ZERO;
    let rebuild = Rebuild::new(log.clone(), pool.clone(), Projection::ALL.to_vec());
    let rebuilt = rebuild
        .grace(Duration::ZERO)
        .run(
            |progress| {
                if progress.phase == Phase::Filling {
                    filled = progress.elapsed;
                }
            },
            CancellationToken::new(),
        )
        .await;
    rebuilt.expect("a rebuild");
    (started.elapsed(), filled)
}

#[allow(clippy::cast_precision_loss, reason = "a rate is about")]
fn tell(what: &str, events: u64, took: Duration) {
    let rate = events as f64 / took.as_secs_f64();
    println!("{what}: {:.2} s, {rate:.0} events/s", took.as_secs_f64());
}

async fn bare_read(pool: &PgPool) -> Duration {
    let started = Instant::now();
    let mut after = 0_i64;
    loop {
        let rows = sqlx::query(
            "SELECT position, aggregate_type, aggregate_id, sequence, event_type, event_version,
                payload::text, metadata::text, recorded_at, previous_hash
             FROM events WHERE position > $1 ORDER BY position LIMIT $2",
        );
        let rows = rows.bind(after).bind(PAGE).fetch_all(pool).await;
        let rows = rows.expect("a page");
        let Some(last) = rows.last() else {
            return started.elapsed();
        };
        after = last.get(0);
    }
}

async fn decoded_read(log: &dyn EventLog) -> Duration {
    let started = Instant::now();
    let decoder = Decoder::default();
    let mut after = 0;
    loop {
        let page = log.read_all(after, 5000).await.expect("a page");
        let Some(last) = page.last() else {
            return started.elapsed();
        };
        after = last.position;
        for envelope in &page {
            decoder.decode(envelope).expect("an event");
        }
    }
}

/// In MiB, of this process.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|it| it.split_whitespace().next());
    kib.and_then(|it| it.parse::<u64>().ok()).unwrap_or(0) / 1024
}
