//! Keys of personal data in the file: there while they are needed, and nowhere after.

use std::{path::Path, sync::Arc};

use countersign_domain::ids::AccountId;
use countersign_event_store::{
    EventLog, PersonalKey, PersonalKeys, SqliteLog, SqliteReader, conformance, conformance_tests,
};
use tempfile::TempDir;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::support::{connect, execute, file, folder, open, verify};

async fn kept() -> (Arc<SqliteLog>, TempDir) {
    let folder = folder();
    let log = open(&folder).await;
    (Arc::new(log), folder)
}

conformance_tests!(keys of kept);

/// Bytes that are in no file by accident.
fn bytes(number: u128) -> [u8; 32] {
    let mut bytes = [0x5a; 32];
    bytes[..16].copy_from_slice(Uuid::new_v5(&Uuid::from_u128(number), b"key").as_bytes());
    bytes
}

fn key(number: u128) -> PersonalKey {
    PersonalKey::new(Zeroizing::new(bytes(number)))
}

fn holds(path: &Path, number: u128) -> bool {
    let text = std::fs::read(path).unwrap_or_default();
    text.windows(32).any(|window| window == bytes(number))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_destroyed_key_is_left_in_any_file() {
    const ACCOUNTS: u128 = 400;
    let folder = folder();
    let log = open(&folder).await;
    let wal = folder.path().join("events.db-wal");
    for number in 1..=ACCOUNTS {
        let name = format!("user-{number}");
        let registration = conformance::registration(number, key(number), &name);
        log.append(registration).await.unwrap();
    }
    assert!(holds(&wal, 1) || holds(&file(&folder), 1));
    for number in 1..=ACCOUNTS / 2 {
        log.append(conformance::erasure(number)).await.unwrap();
    }
    // The answer may come before the files are cut off, the next batch does not.
    let last = conformance::registration(ACCOUNTS + 1, key(ACCOUNTS + 1), "last");
    log.append(last).await.unwrap();
    for number in 1..=ACCOUNTS / 2 {
        assert!(!holds(&wal, number), "the write-ahead log, {number}");
        assert!(!holds(&file(&folder), number), "the file, {number}");
    }
    assert!(holds(&file(&folder), ACCOUNTS));
    let left = AccountId(Uuid::from_u128(ACCOUNTS));
    let keys = log.personal_keys(&[left]).await.unwrap();
    assert_eq!(keys.get(&left), Some(&key(ACCOUNTS)));
    assert_eq!(verify(&log).await, 601);
}

#[tokio::test]
async fn keys_are_there_again_after_a_start_and_for_readers() {
    let folder = folder();
    let log = open(&folder).await;
    log.append(conformance::registration(1, key(1), "alice"))
        .await
        .unwrap();
    log.append(conformance::registration(2, key(2), "bob"))
        .await
        .unwrap();
    log.append(conformance::erasure(1)).await.unwrap();
    log.close().await.unwrap();
    let reader = SqliteReader::open(file(&folder)).await.unwrap();
    let keys = reader.personal_keys().await.unwrap();
    let bob = AccountId(Uuid::from_u128(2));
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), [(bob, key(2))]);
    drop(reader);
    let log = open(&folder).await;
    assert_eq!(log.personal_keys(&[bob]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn keys_are_refused_from_anybody_without_their_events() {
    let folder = folder();
    let log = open(&folder).await;
    log.append(conformance::registration(1, key(1), "alice"))
        .await
        .unwrap();
    log.close().await.unwrap();
    let mut other = connect(&folder).await;
    for wrong in [
        "INSERT INTO personal_keys VALUES ('nobody', zeroblob(32))",
        "UPDATE personal_keys SET key = zeroblob(32)",
        "DELETE FROM personal_keys",
    ] {
        execute(&mut other, wrong).await.expect_err(wrong);
    }
}
