//! What the writer does when the database fails it.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use countersign_event_store::{
    AppendError, CommandRecord, EventLog, LogError, PostgresConfig, PostgresLog, Reservation,
};
use futures::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::unconstrained,
};
use uuid::Uuid;

use crate::support::{append, bounded, connect, database, execute, open, verify};

/// Fails the statement that writes an event of this type.
const FAIL_INSERT: &str = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no'; END $$;
    CREATE TRIGGER fail BEFORE INSERT ON events FOR EACH ROW
    WHEN (NEW.event_type = 'Fails') EXECUTE FUNCTION fail()";

/// Fails the COMMIT after an event of this type.
const FAIL_COMMIT: &str = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no'; END $$;
    CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON events
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.event_type = 'Fails') EXECUTE FUNCTION fail()";

#[tokio::test]
async fn a_failure_fails_its_batch_and_the_log_goes_on() {
    for failure in [FAIL_INSERT, FAIL_COMMIT] {
        let url = database().await.url;
        let log = open(&url).await;
        log.append(append("a", "Happened", 2)).await.unwrap();
        execute(&mut connect(&url).await, failure).await.unwrap();
        for _ in 0..2 {
            // Queued together, since none is awaited before all are polled.
            let batch = ["Happened", "Fails", "Happened"];
            let batch = batch.map(|event_type| log.append(append("a", event_type, 20)));
            for outcome in bounded(join_all(batch)).await {
                match outcome {
                    Err(AppendError::Log(error @ LogError::Storage { .. })) => {
                        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
                    }
                    other => panic!("{other:?}"),
                }
            }
            let before = log.head().await.unwrap();
            assert_eq!(verify(&log).await, before);
            let appended = log.append(append("a", "Happened", 2)).await.unwrap();
            assert_eq!(appended.events[0].position, before + 1);
            assert_eq!(appended.events[0].version, before + 1);
        }
        assert_eq!(verify(&log).await, 6);
        log.close().await.unwrap();
        let refused = log.append(append("a", "Happened", 1)).await;
        assert!(matches!(refused, Err(AppendError::Log(LogError::Closed))));
        assert!(matches!(log.head().await, Err(LogError::Closed)));
    }
}

#[tokio::test]
async fn more_appends_than_a_batch_holds_are_all_served_in_order() {
    let url = database().await.url;
    let log = open(&url).await;
    let appends =
        (0..3000).map(|number| log.append(append(&format!("{}", number % 7), "Happened", 1)));
    // Else the runtime would make the appends take turns with the writer.
    let outcomes = bounded(unconstrained(join_all(appends))).await;
    let mut positions = outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap().last_position);
    // The queue holds 1024; those that queued at once were served as they came.
    assert!(positions.by_ref().take(1024).eq(1..=1024));
    assert_eq!(positions.count(), 3000 - 1024);
    assert_eq!(verify(&log).await, 3000);
}

#[tokio::test]
async fn a_connection_that_died_unnoticed_costs_nothing() {
    let url = database().await.url;
    let log = open(&url).await;
    log.append(append("a", "Happened", 1)).await.unwrap();
    log.find_command(Uuid::nil()).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    execute(&mut connect(&url).await, end).await.unwrap();
    bounded(log.append(append("a", "Happened", 1)))
        .await
        .unwrap();
    log.find_command(Uuid::nil()).await.unwrap();
    assert_eq!(verify(&log).await, 2);
}

/// An event where the log has not come to yet, past the trigger.
const TAMPER: &str = "ALTER TABLE events DISABLE TRIGGER events_in_order;
    INSERT INTO events SELECT aggregate_type, 'b', sequence, event_type, event_version,
        payload, metadata, position + 1, recorded_at, previous_hash, hash
    FROM events ORDER BY position DESC LIMIT 1;
    ALTER TABLE events ENABLE ALWAYS TRIGGER events_in_order";

#[tokio::test]
async fn a_table_that_was_tampered_with_refuses_appends_in_words() {
    let url = database().await.url;
    let log = open(&url).await;
    log.append(append("a", "Happened", 1)).await.unwrap();
    execute(&mut connect(&url).await, TAMPER).await.unwrap();
    for _ in 0..2 {
        let refused = bounded(log.append(append("a", "Happened", 1))).await;
        let Err(AppendError::Log(error @ LogError::Damaged { .. })) = refused else {
            panic!("{refused:?}");
        };
        assert!(error.to_string().contains("position 1"), "{error}");
    }
}

const FORWARD: u8 = 0;
/// The batch does not arrive.
const LOSE_BATCH: u8 = 1;
/// Nor when it is sent again.
const LOSE_TWICE: u8 = 2;
/// The batch arrives, the answer does not.
const LOSE_ANSWER: u8 = 3;

/// Stands between a log and its server; loses connections as it is told.
async fn proxy(url: &str) -> (String, Arc<AtomicU8>) {
    let (_, rest) = url.split_once('@').unwrap();
    let (server, _) = rest.split_once('/').unwrap();
    let server = server.to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url.replace(&server, &listener.local_addr().unwrap().to_string());
    let mode = Arc::new(AtomicU8::new(FORWARD));
    let told = mode.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(relay(client, server, told.clone()));
        }
    });
    (url, mode)
}

async fn relay(mut client: TcpStream, mut server: TcpStream, mode: Arc<AtomicU8>) {
    let (mut from_client, mut from_server) = ([0; 65536], [0; 65536]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(count @ 1..) = read else { return };
                let bytes = &from_client[..count];
                // The only Bind message of this length.
                if bytes[0] == b'B' && count > 300 {
                    match mode.load(Ordering::SeqCst) {
                        losses @ (LOSE_BATCH | LOSE_TWICE) => {
                            mode.store(losses - 1, Ordering::SeqCst);
                            return;
                        }
                        LOSE_ANSWER => {
                            mode.store(FORWARD, Ordering::SeqCst);
                            server.write_all(bytes).await.unwrap();
                            let _ = server.read(&mut from_server).await;
                            return;
                        }
                        _ => {}
                    }
                }
                if server.write_all(bytes).await.is_err() { return }
            }
            read = server.read(&mut from_server) => {
                let Ok(count @ 1..) = read else { return };
                if client.write_all(&from_server[..count]).await.is_err() { return }
            }
        }
    }
}

#[tokio::test]
async fn what_became_of_a_batch_is_found_out_when_its_answer_is_lost() {
    let (url, mode) = proxy(&database().await.url).await;
    let log = PostgresLog::connect(PostgresConfig::new(&url[..]))
        .await
        .unwrap();
    // An append that leaves events, one that leaves a command, one that leaves a value.
    let mut commanded = append("a", "Happened", 0);
    commanded.command = Some(CommandRecord {
        id: Uuid::from_u128(7),
        fingerprint: [7; 32],
    });
    let mut reserving = append("a", "Happened", 0);
    reserving.reservations.push(Reservation {
        scope: "name".into(),
        value: "alice".into(),
        owner: "a".into(),
    });
    for wanted in [append("a", "Happened", 3), commanded, reserving] {
        let command = Uuid::from_u128(7);
        let before = log.head().await.unwrap();
        let known = log.find_command(command).await.unwrap();
        mode.store(LOSE_TWICE, Ordering::SeqCst);
        let lost = bounded(log.append(wanted.clone())).await;
        assert!(matches!(
            lost,
            Err(AppendError::Log(LogError::Storage { .. }))
        ));
        assert_eq!(log.head().await.unwrap(), before);
        assert_eq!(log.find_command(command).await.unwrap(), known);

        assert_eq!(mode.load(Ordering::SeqCst), FORWARD);

        for loss in [LOSE_BATCH, LOSE_ANSWER] {
            mode.store(loss, Ordering::SeqCst);
            let mut wanted = wanted.clone();
            if let Some(command) = &mut wanted.command {
                command.id = Uuid::from_u64_pair(loss.into(), 7);
            }
            let done = bounded(log.append(wanted)).await.unwrap();
            assert!(!done.duplicate);
            assert_eq!(mode.load(Ordering::SeqCst), FORWARD);
            assert_eq!(verify(&log).await, done.last_position);
        }
    }
    assert_eq!(verify(&log).await, 6);
    for loss in [LOSE_BATCH, LOSE_ANSWER] {
        let id = Uuid::from_u64_pair(loss.into(), 7);
        assert!(log.find_command(id).await.unwrap().is_some());
    }
}
