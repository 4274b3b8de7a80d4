//! Telling others of the newest checkpoint.

use std::sync::Arc;

use countersign_audit::checkpoint::CheckpointFault;
use countersign_audit::{
    Checkpoint, CheckpointStore, FileCheckpoints, NotPublished, Pace, Published, Publishing,
    Signer, SigningKey,
};
use countersign_event_store::LocalLeases;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::checkpointer::{append, log, root};
use crate::tampered::{log_key, other_key};

fn published(key: &SigningKey, size: u64) -> Published {
    let checkpoint = Checkpoint {
        origin: key.verifier().name().to_owned(),
        size,
        root: [7; 32],
        extensions: vec![],
    };
    Published {
        checkpoint: checkpoint.sign(key).expect("a name without line ends"),
        key: key.verifier().clone(),
    }
}

fn changed(published: &Published, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut message: Value = serde_json::from_slice(&published.to_message()).expect("JSON");
    change(&mut message);
    message.to_string().into_bytes()
}

#[test]
fn a_message_is_taken_from_whoever_holds_the_key() {
    let sent = published(&log_key(), 5);
    for pinned in [None, Some(log_key().verifier())] {
        let heard = Published::from_message(&sent.to_message(), pinned).expect("signed");
        assert_eq!(heard, sent);
    }
    let refused = Published::from_message(&sent.to_message(), Some(other_key().verifier()));
    assert!(
        matches!(refused, Err(NotPublished::OtherKey { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_message_that_was_tampered_with_is_refused() {
    let sent = published(&log_key(), 5);
    let larger = sent.checkpoint.to_string().replacen("\n5\n", "\n6\n", 1);
    assert_ne!(larger, sent.checkpoint.to_string());
    let refused = |bytes: &[u8]| Published::from_message(bytes, None).expect_err("tampered");
    let unsigned = refused(&changed(&sent, |m| m["checkpoint"] = json!(larger)));
    let is_signature =
        |e: &NotPublished| matches!(e, NotPublished::Checkpoint(CheckpointFault::Signature(_)));
    assert!(is_signature(&unsigned), "{unsigned:?}");
    let other = refused(&changed(&sent, |m| {
        m["key"] = json!(other_key().verifier().to_string());
    }));
    assert!(matches!(other, NotPublished::Checkpoint(_)), "{other:?}");
    for bytes in [
        b"".to_vec(),
        b"{}".to_vec(),
        changed(&sent, |m| m["more"] = json!(1)),
    ] {
        let error = refused(&bytes);
        assert!(matches!(error, NotPublished::Malformed), "{error:?}");
    }
}

#[test]
fn only_more_events_by_the_same_key_are_newer() {
    let known = published(&log_key(), 5);
    assert!(published(&log_key(), 6).is_newer_than(&known));
    assert!(!published(&log_key(), 5).is_newer_than(&known));
    assert!(!published(&other_key(), 6).is_newer_than(&known));
}

#[tokio::test]
async fn the_signer_tells_what_it_kept_now_and_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = log(&folder, "log").await;
    let files = FileCheckpoints::new(folder.path().join("checkpoints"));
    for round in 1..=2u64 {
        let store = Publishing::new(Arc::new(files.clone()), log_key().verifier().clone());
        let (store, mut newest) = {
            let newest = store.newest();
            (Arc::new(store), newest)
        };
        let signer = Signer {
            log: log.clone(),
            key: log_key(),
            store: store.clone(),
            pace: Pace {
                events: 1,
                ..Pace::default()
            },
            leases: Arc::new(LocalLeases),
            replica: "one".to_owned(),
        };
        let stop = CancellationToken::new();
        let running = tokio::spawn(signer.run(stop.clone()));
        let at_least = |size: u64| {
            move |told: &Option<Published>| {
                told.as_ref()
                    .is_some_and(|told| told.checkpoint.checkpoint().size >= size)
            }
        };
        if round > 1 {
            // What was signed before is told before anything new is.
            let told = newest.wait_for(at_least(1)).await.expect("it tells");
            assert!(at_least(round - 1)(&told));
        }
        append(&log, &["a"]).await;
        let told = newest
            .wait_for(at_least(round))
            .await
            .map(|told| told.clone());
        let told = told.expect("it signs").expect("a checkpoint");
        assert_eq!(told.checkpoint.checkpoint().root, root(&log, round).await);
        assert_eq!(told.key, *log_key().verifier());
        stop.cancel();
        running.await.expect("no panic");
        let kept = store.latest().await.expect("readable").expect("kept");
        assert_eq!(kept.checkpoint, told.checkpoint);
    }
}
