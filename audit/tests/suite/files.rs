//! Checkpoints in a folder.

use countersign_audit::{Checkpoint, CheckpointStore as _, FileCheckpoints, Frontier, Hash, Kept};

use crate::tampered::{ORIGIN, log_key};

fn kept(size: u64) -> Kept {
    let mut frontier = Frontier::new();
    let mut last_leaf = Hash::default();
    for number in 0..size {
        last_leaf = [u8::try_from(number).expect("small"); 32];
        frontier.push(last_leaf);
    }
    let checkpoint = Checkpoint {
        origin: ORIGIN.into(),
        size,
        root: frontier.root(),
        extensions: vec![],
    };
    let text = serde_json::json!({ "frontier": frontier, "last_leaf": hex::encode(last_leaf) });
    Kept {
        checkpoint: checkpoint.sign(&log_key()).expect("a checkpoint"),
        edge: Some(serde_json::from_value(text).expect("an edge")),
    }
}

#[tokio::test]
async fn the_newest_is_found_and_the_others_are_history() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("checkpoints");
    let files = FileCheckpoints::new(&path);
    assert_eq!(files.latest().await.expect("no failure"), None);
    assert!(files.history().expect("no failure").is_empty());
    for size in [3, 5, 20] {
        files.save(&kept(size)).await.expect("saved");
        assert_eq!(files.latest().await.expect("read"), Some(kept(size)));
    }
    let history = files.history().expect("read");
    let sizes: Vec<_> = history.iter().map(|it| it.checkpoint().size).collect();
    assert_eq!(sizes, [3, 5, 20]);
    let note = std::fs::read_to_string(path.join("latest")).expect("the file");
    assert_eq!(note, kept(20).checkpoint.to_string());
}

#[tokio::test]
async fn a_lost_edge_is_only_a_lost_short_cut_and_a_damaged_checkpoint_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = FileCheckpoints::new(folder.path());
    files.save(&kept(3)).await.expect("saved");
    for text in ["", "{}", "no JSON"] {
        std::fs::write(folder.path().join("edge.json"), text).expect("written");
        let latest = files.latest().await.expect("read").expect("there");
        assert_eq!(latest.edge, None);
    }
    std::fs::write(folder.path().join("latest"), "nothing\n").expect("written");
    let error = files.latest().await.expect_err("damaged").to_string();
    assert!(
        error.contains("latest") && error.contains("not a signed note"),
        "{error}"
    );
}
