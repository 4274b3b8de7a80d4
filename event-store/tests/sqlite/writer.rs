//! What the writer does when the file fails it.

use countersign_event_store::{AppendError, Envelope, EventLog, LogError};
use futures::{FutureExt, future::join_all};
use tokio::task::unconstrained;

use crate::support::{append, connect, execute, folder, open, verify};

/// Fails the statement that writes an event of this type.
const FAIL_INSERT: &str = "CREATE TRIGGER fail BEFORE INSERT ON events \
    WHEN NEW.event_type = 'Fails' BEGIN SELECT RAISE(ABORT, 'no'); END";

/// Fails the COMMIT after an event of this type: a deferred reference to nothing.
const FAIL_COMMIT: &str = "CREATE TABLE parents (id INTEGER PRIMARY KEY);
    CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER fail AFTER INSERT ON events WHEN NEW.event_type = 'Fails'
    BEGIN INSERT INTO children VALUES (1); END";

#[tokio::test]
async fn a_failure_fails_its_batch_and_the_log_goes_on() {
    for failure in [FAIL_INSERT, FAIL_COMMIT] {
        let folder = folder();
        let log = open(&folder).await;
        log.append(append("a", "Happened", 2)).await.unwrap();
        execute(&mut connect(&folder).await, failure).await.unwrap();
        for _ in 0..2 {
            // Queued together, since none is awaited before all are polled.
            let batch = ["Happened", "Fails", "Happened"];
            let batch = batch.map(|event_type| log.append(append("a", event_type, 20)));
            for outcome in join_all(batch).await {
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
    }
}

/// Writes the third event of stream `a` behind the log's back.
fn foreign_event(second: &Envelope) -> String {
    format!(
        "INSERT INTO events SELECT 3, aggregate_type, aggregate_id, 3, event_type, \
         event_version, payload, metadata, timestamp, x'{}', zeroblob(32) \
         FROM events WHERE position = 2;",
        second.hash().map(|byte| format!("{byte:02x}")).concat()
    )
}

#[tokio::test]
async fn what_another_program_wrote_is_noticed() {
    let folder = folder();
    let log = open(&folder).await;
    let appended = log.append(append("a", "Happened", 2)).await.unwrap();
    let foreign = foreign_event(&appended.events[1]);
    execute(&mut connect(&folder).await, &foreign)
        .await
        .unwrap();
    let mut wake = log.wake();
    assert_eq!(*wake.borrow_and_update(), 2);
    let refused = log.append(append("b", "Happened", 1)).await;
    assert!(matches!(refused, Err(AppendError::Log(_))));
    let woken = wake.changed().now_or_never();
    assert!(matches!(woken, Some(Ok(()))));
    assert_eq!(log.head().await.unwrap(), 3);
    let appended = log.append(append("b", "Happened", 1)).await.unwrap();
    assert_eq!(appended.last_position, 4);
    assert_eq!(verify(&log).await, 4);
    let appended = log.append(append("a", "Happened", 1)).await.unwrap();
    assert_eq!(appended.events[0].version, 4);
}

#[tokio::test]
async fn a_failure_that_lasts_is_recovered_from_when_it_ends() {
    let folder = folder();
    let log = open(&folder).await;
    let appended = log.append(append("a", "Happened", 2)).await.unwrap();
    let mut connection = connect(&folder).await;
    execute(&mut connection, "ALTER TABLE events RENAME TO missing")
        .await
        .unwrap();
    for _ in 0..2 {
        let refused = log.append(append("a", "Happened", 1)).await;
        assert!(matches!(refused, Err(AppendError::Log(_))));
    }
    let ended = "ALTER TABLE missing RENAME TO events;".to_owned();
    let ended = ended + &foreign_event(&appended.events[1]);
    execute(&mut connection, &ended).await.unwrap();
    let appended = log.append(append("a", "Happened", 1)).await.unwrap();
    assert_eq!(appended.events[0].version, 4);
    assert_eq!(appended.last_position, 4);
}

#[tokio::test]
async fn more_appends_than_a_batch_holds_are_all_served_in_order() {
    let folder = folder();
    let log = open(&folder).await;
    let appends =
        (0..3000).map(|number| log.append(append(&format!("{}", number % 7), "Happened", 1)));
    // Else the runtime would make the appends take turns with the writer.
    let outcomes = unconstrained(join_all(appends)).await;
    let mut positions = outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap().last_position);
    // The queue holds 1024; those that queued at once were served as they came.
    assert!(positions.by_ref().take(1024).eq(1..=1024));
    assert_eq!(positions.count(), 3000 - 1024);
    assert_eq!(verify(&log).await, 3000);
}
