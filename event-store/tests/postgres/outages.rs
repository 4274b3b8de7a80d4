//! A server that goes away and comes back, and a pool that has nothing left.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use countersign_event_store::{
    AppendError, CommandRecord, EventLog, LogError, PostgresConfig, PostgresLog,
};
use countersign_test_servers::Postgres;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{append, bounded, database, migrate, open, verify};

/// Appends until told to stop; says each append again until it is acknowledged.
async fn insist(
    log: Arc<PostgresLog>,
    writer: u64,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
) -> u64 {
    let mut count = 0;
    while !stop.load(Ordering::SeqCst) {
        count += 1;
        let mut wanted = append(&writer.to_string(), "Happened", 1);
        wanted.command = Some(CommandRecord {
            id: Uuid::from_u64_pair(writer, count),
            fingerprint: [1; 32],
        });
        loop {
            match log.append(wanted.clone()).await {
                Ok(appended) => {
                    assert_eq!(appended.events[0].version, count, "once each, in order");
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                Err(AppendError::Log(LogError::Storage { .. })) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_under_load_loses_and_doubles_nothing() {
    let mut server = Postgres::start().unwrap();
    let url = server.url("postgres");
    migrate(&url).await;
    let log = Arc::new(open(&url).await);
    let (stop, acknowledged) = <(Arc<AtomicBool>, Arc<AtomicU64>)>::default();
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        writers.spawn(insist(
            log.clone(),
            writer,
            stop.clone(),
            acknowledged.clone(),
        ));
    }
    for fast in [true, false] {
        advance(&acknowledged).await;
        server = tokio::task::spawn_blocking(move || {
            server.stop(fast);
            server.resume().unwrap();
            server
        })
        .await
        .unwrap();
    }
    advance(&acknowledged).await;
    stop.store(true, Ordering::SeqCst);
    let counts = bounded(writers.join_all()).await;
    assert_eq!(verify(&*log).await, counts.iter().sum::<u64>());
    let again = open(&url).await;
    assert_eq!(verify(&again).await, counts.iter().sum::<u64>());
}

/// Waits for some more acknowledgements.
async fn advance(acknowledged: &AtomicU64) {
    let wanted = acknowledged.load(Ordering::SeqCst) + 200;
    bounded(async {
        while acknowledged.load(Ordering::SeqCst) < wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_away_fails_appends_and_reads_in_words() {
    let mut server = Postgres::start().unwrap();
    let url = server.url("postgres");
    migrate(&url).await;
    let config = PostgresConfig {
        acquire_timeout: Duration::from_millis(300),
        ..PostgresConfig::new(&url[..])
    };
    let log = PostgresLog::connect(config).await.unwrap();
    log.append(append("a", "Happened", 1)).await.unwrap();
    server.stop(true);
    let failed = bounded(log.append(append("a", "Happened", 1))).await;
    assert!(matches!(
        failed,
        Err(AppendError::Log(LogError::Storage { .. }))
    ));
    let failed = bounded(log.find_command(Uuid::nil())).await;
    assert!(matches!(failed, Err(LogError::Storage { .. })));
    server.resume().unwrap();
    bounded(log.append(append("a", "Happened", 1)))
        .await
        .unwrap();
    assert_eq!(verify(&log).await, 2);
}

#[tokio::test]
async fn a_pool_that_has_nothing_left_says_so_and_appends_go_on() {
    let url = database().await.url;
    let config = PostgresConfig {
        max_connections: 2,
        acquire_timeout: Duration::from_millis(100),
        ..PostgresConfig::new(&url[..])
    };
    let log = PostgresLog::connect(config).await.unwrap();
    let held = (
        log.pool().acquire().await.unwrap(),
        log.pool().acquire().await.unwrap(),
    );
    match bounded(log.head()).await {
        Err(LogError::Storage { source, .. }) => {
            assert!(source.to_string().contains("all 2 connections"), "{source}");
        }
        other => panic!("{other:?}"),
    }
    log.append(append("a", "Happened", 1)).await.unwrap();
    drop(held);
    assert_eq!(verify(&log).await, 1);
}
