//! A rebuild of all projections beside a bare read of the same table, on a private
//! server: `EVENTS=1000000 cargo bench -p countersign-projections --bench rebuild`.

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
    let events = std::env::var("EVENTS").map_or(1_000_000, |it| it.parse().expect("a number"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run(events));
}

async fn run(events: u64) {
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

    // Twice, because the first finds nothing in the server's memory.
    for _ in 0..2 {
        let started = Instant::now();
        bare_read(&pool).await;
        tell("bare keyset read", events, started.elapsed());
    }
    let bare = {
        let started = Instant::now();
        bare_read(&pool).await;
        started.elapsed()
    };
    let started = Instant::now();
    decoded_read(&*log).await;
    tell("read and decoded, one thread", events, started.elapsed());

    let before = peak_memory();
    let started = Instant::now();
    let mut filled = Duration::ZERO;
    let rebuild = Rebuild::new(log, pool.clone(), Projection::ALL.to_vec());
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
    let whole = started.elapsed();
    rebuilt.expect("a rebuild");
    for it in status(&pool, events).await.expect("a status") {
        assert_eq!((it.lag, it.parked), (0, 0), "{}", it.projection);
    }
    // Before and after, because the machine has its moods.
    let bare = {
        let started = Instant::now();
        bare_read(&pool).await;
        (bare + started.elapsed()) / 2
    };
    tell("bare keyset read, before and after", events, bare);
    tell("rebuild of all projections", events, whole);
    tell("  of which filling", events, filled);
    println!(
        "rebuild / bare read: {:.1} %",
        100.0 * bare.as_secs_f64() / whole.as_secs_f64()
    );
    println!(
        "peak memory before and after: {before} and {} MiB",
        peak_memory()
    );
}

#[allow(clippy::cast_precision_loss, reason = "a rate is about")]
fn tell(what: &str, events: u64, took: Duration) {
    let rate = events as f64 / took.as_secs_f64();
    println!("{what}: {:.2} s, {rate:.0} events/s", took.as_secs_f64());
}

async fn bare_read(pool: &PgPool) {
    let mut after = 0_i64;
    loop {
        let rows = sqlx::query(
            "SELECT position, aggregate_type, aggregate_id, sequence, event_type, event_version,
                payload::text, metadata::text, recorded_at, previous_hash
             FROM events WHERE position > $1 ORDER BY position LIMIT $2",
        );
        let rows = rows.bind(after).bind(PAGE).fetch_all(pool).await;
        let rows = rows.expect("a page");
        let Some(last) = rows.last() else { return };
        after = last.get(0);
    }
}

async fn decoded_read(log: &dyn EventLog) {
    let decoder = Decoder::default();
    let mut after = 0;
    loop {
        let page = log.read_all(after, 5000).await.expect("a page");
        let Some(last) = page.last() else { return };
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
