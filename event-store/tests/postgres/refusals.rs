//! What the database itself refuses, whoever asks.

use countersign_event_store::{ChainVerifier, EventLog, Reservation};
use sqlx::PgConnection;

use crate::support::{append, connect, database, execute, open, verify};

async fn refused(connection: &mut PgConnection, statement: &str) -> String {
    match execute(connection, statement).await {
        Err(error) => error.to_string(),
        Ok(()) => panic!("{statement} was done"),
    }
}

#[tokio::test]
async fn what_is_in_the_log_stays_as_it_is() {
    let url = database().await.url;
    let log = open(&url).await;
    let mut reserving = append("a", "Happened", 3);
    reserving.reservations.push(Reservation {
        scope: "name".into(),
        value: "alice".into(),
        owner: "a".into(),
    });
    log.append(reserving).await.unwrap();
    let mut other = connect(&url).await;
    for role in ["origin", "replica"] {
        let set = format!("SET session_replication_role = {role}");
        execute(&mut other, &set).await.unwrap();
        for table in ["events", "commands", "reservations", "log_head"] {
            for statement in [format!("DELETE FROM {table}"), format!("TRUNCATE {table}")] {
                let said = refused(&mut other, &statement).await;
                assert!(said.contains("only grows"), "{statement}: {said}");
            }
        }
        for statement in [
            "UPDATE events SET payload = '{}'",
            "UPDATE commands SET last_position = 0",
            "UPDATE reservations SET owner = 'me'",
            "UPDATE log_head SET position = 0",
        ] {
            let said = refused(&mut other, statement).await;
            assert!(said.contains("only grows"), "{statement}: {said}");
        }
    }
    assert_eq!(verify(&log).await, 3);
}

#[tokio::test]
async fn events_out_of_place_are_refused_from_anybody() {
    let url = database().await.url;
    let log = open(&url).await;
    log.append(append("a", "Happened", 2)).await.unwrap();
    let mut other = connect(&url).await;
    for wrong in [
        insert("4", "'a'", "3", "hash"),
        insert("2", "'a'", "3", "hash"),
        insert("3", "'a'", "2", "previous_hash"),
        format!(
            "{} UNION ALL {}",
            insert("3", "'a'", "3", "hash"),
            select("5", "'a'", "4", "hash")
        ),
    ] {
        refused(&mut other, &wrong).await;
    }
    let right = insert("3", "'a'", "3", "hash");
    execute(&mut other, &right).await.unwrap();
    assert_eq!(log.head().await.unwrap(), 3);
}

/// The table takes what is in its place; whether it fits its stream, readers see.
#[tokio::test]
async fn events_that_do_not_follow_their_stream_are_found_by_who_verifies() {
    let zeros = "decode(repeat('00', 32), 'hex')";
    for wrong in [
        insert("3", "'a'", "4", "hash"),
        insert("3", "'a'", "3", "previous_hash"),
        insert("3", "'b'", "2", zeros),
        insert("3", "'b'", "1", "hash"),
    ] {
        let url = database().await.url;
        let log = open(&url).await;
        log.append(append("a", "Happened", 2)).await.unwrap();
        execute(&mut connect(&url).await, &wrong).await.unwrap();
        let mut verifier = ChainVerifier::new();
        let events = log.read_all(0, 10).await.unwrap();
        let found = events.iter().try_for_each(|event| verifier.check(event));
        assert!(found.is_err(), "{wrong}");
        assert_eq!(verifier.position(), 2, "{wrong}");
    }
}

/// A state that is folded from a stream with a hole would be wrong.
#[tokio::test]
async fn a_stream_with_a_hole_is_not_read() {
    let url = database().await.url;
    let log = open(&url).await;
    log.append(append("a", "Happened", 2)).await.unwrap();
    let wrong = insert("3", "'a'", "4", "hash");
    execute(&mut connect(&url).await, &wrong).await.unwrap();
    let stream = append("a", "Happened", 1).streams[0].stream.clone();
    let whole = log.read_stream(&stream, 0, 2).await.unwrap();
    assert_eq!(whole.len(), 2);
    for after in [0, 2] {
        let refused = log.read_stream(&stream, after, 10).await.unwrap_err();
        let said = refused.to_string();
        assert!(said.contains("version 4 of"), "{said}");
        assert!(said.contains("follows version 2"), "{said}");
    }
}

fn insert(position: &str, id: &str, sequence: &str, previous: &str) -> String {
    format!(
        "INSERT INTO events {}",
        select(position, id, sequence, previous)
    )
}

/// The second event in another place.
fn select(position: &str, id: &str, sequence: &str, previous: &str) -> String {
    format!(
        "SELECT aggregate_type, {id}, {sequence}, event_type, event_version, payload, \
         metadata, {position}, recorded_at, {previous}, hash FROM events WHERE position = 2"
    )
}

#[tokio::test]
async fn payloads_are_stored_in_the_form_that_is_hashed() {
    let url = database().await.url;
    let log = open(&url).await;
    let mut odd = append("a", "Happened", 1);
    let payload = "{\"\":[],\"a\":\"\\u0000\\\"é\u{1f600}\",\"b\":{\"a\":-1,\"b\":1}}";
    odd.streams[0].events[0].payload = serde_json::from_str(payload).unwrap();
    log.append(odd).await.unwrap();
    let stored: String = sqlx::query_scalar("SELECT payload::text FROM events")
        .fetch_one(log.pool())
        .await
        .unwrap();
    assert_eq!(stored, payload);
    let hashed: Vec<u8> = sqlx::query_scalar("SELECT hash FROM events")
        .fetch_one(log.pool())
        .await
        .unwrap();
    // Not from memory.
    let again = open(&url).await;
    assert_eq!(again.read_all(0, 10).await.unwrap()[0].hash()[..], hashed);
}
