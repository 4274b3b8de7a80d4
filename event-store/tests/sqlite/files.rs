//! What lives in the file: reopening, closing, one opener, its protection.

use std::{fs, os::unix::fs::PermissionsExt};

use countersign_event_store::{
    AppendError, CommandRecord, EventLog, ExpectedVersion, LogError, Reservation, SqliteLog,
    subscribe,
};
use futures::{FutureExt, StreamExt, future::join_all};
use tokio::task::unconstrained;
use uuid::Uuid;

use crate::support::{append, connect, execute, file, folder, open, verify};

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let folder = folder();
    let log = open(&folder).await;
    let mut create = append("a", "Created", 3);
    create.command = Some(CommandRecord {
        id: Uuid::from_u128(7),
        fingerprint: [1; 32],
    });
    create.metadata.trace_parent = Some("00-01-02-00".into());
    create.reservations.push(Reservation {
        scope: "name".into(),
        value: "alice".into(),
        owner: "a".into(),
    });
    let appended = log.append(create.clone()).await.unwrap();
    log.close().await.unwrap();

    let log = open(&folder).await;
    assert_eq!(*log.wake().borrow(), 3);
    assert_eq!(log.read_all(0, 9).await.unwrap(), appended.events);
    let again = log.append(create.clone()).await.unwrap();
    assert!(again.duplicate);
    assert_eq!(again.events, appended.events);
    create.command = None;
    create.reservations[0].owner = "b".into();
    let taken = log.append(create).await;
    assert!(matches!(taken, Err(AppendError::Taken { .. })));
    let mut stale = append("a", "Changed", 1);
    stale.streams[0].expected = ExpectedVersion::Exact(2);
    let conflict = log.append(stale).await;
    assert!(matches!(
        conflict,
        Err(AppendError::Conflict { actual: 3, .. })
    ));
    log.append(append("a", "Changed", 1)).await.unwrap();
    assert_eq!(verify(&log).await, 4);
}

#[tokio::test]
async fn memory_and_file_join_without_a_seam() {
    let folder = folder();
    let log = open(&folder).await;
    let mut whole = Vec::new();
    for round in 0..6 {
        let appended = log.append(append(&format!("{}", round % 4), "Happened", 1000));
        whole.extend(appended.await.unwrap().events);
    }
    // Memory holds the last 4096; reads start before it, at its edge and in it.
    for after in [0, 1000, 1903, 1904, 1905, 5999, 6000] {
        for limit in [1, 500, 10_000] {
            let read = log.read_all(after, limit).await.unwrap();
            let expected = whole.iter().skip(after as usize).take(limit);
            assert!(read.iter().eq(expected), "{limit} after {after}");
        }
    }
    assert_eq!(verify(&log).await, 6000);
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_closes() {
    let folder = folder();
    let log = open(&folder).await;
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(file(&folder), &link).unwrap();
    for path in [file(&folder), link] {
        let second = SqliteLog::open(path).await;
        assert!(matches!(second, Err(LogError::InUse { .. })));
        // The first goes on undisturbed.
        log.append(append("a", "Happened", 1)).await.unwrap();
    }
    log.close().await.unwrap();
    let log = open(&folder).await;
    assert_eq!(verify(&log).await, 2);
}

#[tokio::test]
async fn closing_finishes_what_is_queued_and_leaves_one_file() {
    let folder = folder();
    let log = open(&folder).await;
    let appends: Vec<_> = (0..600)
        .map(|number| log.append(append(&number.to_string(), "Happened", 1)))
        .collect();
    // Polled in order: the appends queue up first, then the request to close.
    let closing = async { futures::join!(join_all(appends), log.close()) };
    let (outcomes, closed) = unconstrained(closing).await;
    closed.unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");

    let refused = log.append(append("late", "Happened", 1)).await;
    assert!(matches!(refused, Err(AppendError::Log(LogError::Closed))));
    assert!(matches!(log.read_all(0, 1).await, Err(LogError::Closed)));
    assert!(matches!(log.head().await, Err(LogError::Closed)));
    log.close().await.unwrap();
    assert_eq!(verify(&open(&folder).await).await, 600);
}

#[tokio::test]
async fn a_subscription_ends_with_the_log() {
    let folder = folder();
    let log = std::sync::Arc::new(open(&folder).await);
    log.append(append("a", "Happened", 1)).await.unwrap();
    let mut events = subscribe(log.clone(), 0);
    assert!(events.next().await.unwrap().is_ok());
    log.close().await.unwrap();
    assert!(matches!(events.next().await, Some(Err(LogError::Closed))));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_caller_that_goes_away_breaks_nothing() {
    let folder = folder();
    let log = open(&folder).await;
    for number in 0..50 {
        // One poll queues the append; then nobody waits for it.
        let append = log.append(append(&number.to_string(), "Happened", 2));
        assert!(append.now_or_never().is_none());
    }
    let last = log.append(append("last", "Happened", 1)).await.unwrap();
    assert_eq!(last.last_position, 101);
    assert_eq!(verify(&log).await, 101);
}

#[tokio::test]
async fn files_are_for_their_owner_only() {
    let folder = folder();
    let log = open(&folder).await;
    log.append(append("a", "Happened", 1)).await.unwrap();
    let mut count = 0;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        count += 1;
    }
    assert_eq!(count, 4, "the file, its lock, its log and that log's index");
}

#[tokio::test]
async fn stored_events_cannot_be_changed_removed_or_slipped_in() {
    let folder = folder();
    let log = open(&folder).await;
    log.append(append("a", "Happened", 3)).await.unwrap();
    let mut connection = connect(&folder).await;
    let insert = |verb: &str, position: u64, sequence: u64| {
        format!(
            "{verb} INTO events SELECT {position}, aggregate_type, aggregate_id, {sequence}, \
             event_type, event_version, payload, metadata, timestamp, previous_hash, hash \
             FROM events WHERE position = 3"
        )
    };
    for statement in [
        "UPDATE events SET payload = '{}' WHERE position = 2".to_owned(),
        "DELETE FROM events WHERE position = 3".to_owned(),
        "DELETE FROM events".to_owned(),
        insert("INSERT OR REPLACE", 3, 3),
        insert("INSERT OR REPLACE", 4, 3),
        insert("INSERT", 5, 4),
        insert("INSERT", 4, 5),
    ] {
        let refused = execute(&mut connection, &statement).await;
        assert!(refused.is_err(), "{statement}");
    }
    assert_eq!(verify(&log).await, 3);
}
