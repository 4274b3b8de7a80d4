//! Keys of personal data in a table beside the log.

use std::sync::Arc;

use countersign_domain::ids::AccountId;
use countersign_event_store::{
    AppendError, EventLog, LogError, PersonalKey, PersonalKeys, PostgresLog, conformance,
    conformance_tests,
};
use countersign_test_servers::Database;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::support::{append, connect, database, execute, open, verify};

async fn kept() -> (Arc<PostgresLog>, Database) {
    let database = database().await;
    let log = open(&database.url).await;
    (Arc::new(log), database)
}

conformance_tests!(keys of kept);

fn key(byte: u8) -> PersonalKey {
    PersonalKey::new(Zeroizing::new([byte; 32]))
}

#[tokio::test]
async fn keys_are_refused_from_anybody_without_their_events() {
    let url = database().await.url;
    let log = open(&url).await;
    log.append(conformance::registration(1, key(1), "alice"))
        .await
        .unwrap();
    let mut other = connect(&url).await;
    for role in ["origin", "replica"] {
        let set = format!("SET session_replication_role = {role}");
        execute(&mut other, &set).await.unwrap();
        for wrong in [
            "INSERT INTO personal_keys VALUES (gen_random_uuid(), decode(repeat('00', 32), 'hex'))",
            "UPDATE personal_keys SET key = decode(repeat('00', 32), 'hex')",
            "DELETE FROM personal_keys",
            "TRUNCATE personal_keys",
            "DELETE FROM reservations",
        ] {
            execute(&mut other, wrong).await.expect_err(wrong);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_written_leave_no_event() {
    let url = database().await.url;
    let log = open(&url).await;
    let mut other = connect(&url).await;
    let broken = "ALTER TABLE personal_keys ADD CHECK (get_byte(key, 0) <> 1)";
    execute(&mut other, broken).await.unwrap();
    let failed = log
        .append(conformance::registration(1, key(1), "alice"))
        .await;
    failed.expect_err("the key is refused");
    assert_eq!(log.head().await.unwrap(), 0);
    // Nothing of it is in the way.
    let appended = log
        .append(conformance::registration(1, key(2), "alice"))
        .await;
    assert_eq!(appended.unwrap().last_position, 1);
    assert_eq!(verify(&log).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_set_back_is_refused_and_locks_nobody_out() {
    let url = database().await.url;
    let log = open(&url).await;
    log.append(append("one", "Joined", 1)).await.unwrap();
    let mut other = connect(&url).await;
    let set_back = "ALTER TABLE log_head DISABLE TRIGGER log_head_never_goes_back;
        UPDATE log_head SET position = 0";
    execute(&mut other, set_back).await.unwrap();
    // With a key the head is locked first, and what is there is looked up under the lock.
    let refused = log
        .append(conformance::registration(1, key(1), "alice"))
        .await;
    let AppendError::Log(LogError::Damaged { .. }) = refused.expect_err("it is damaged") else {
        panic!("another error");
    };
    let lock = "SELECT position FROM log_head FOR UPDATE NOWAIT";
    execute(&mut other, lock).await.expect("nobody has it");
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_several_processes_keep_one_key() {
    let url = database().await.url;
    let logs = [open(&url).await, open(&url).await];
    let (first, second) = tokio::join!(
        logs[0].append(conformance::registration(1, key(1), "alice")),
        logs[1].append(conformance::registration(1, key(2), "alice")),
    );
    let won = match (first, second) {
        (Ok(_), Err(_)) => key(1),
        (Err(_), Ok(_)) => key(2),
        both => panic!("{both:?}"),
    };
    let account = AccountId(Uuid::from_u128(1));
    for log in &logs {
        let keys = log.personal_keys(&[account]).await.unwrap();
        assert_eq!(keys.get(&account), Some(&won));
    }
    logs[1].append(conformance::erasure(1)).await.unwrap();
    assert!(logs[0].personal_keys(&[account]).await.unwrap().is_empty());
    let again = conformance::registration(2, key(3), "alice");
    logs[0].append(again).await.unwrap();
    assert_eq!(verify(&logs[1]).await, 3);
}
