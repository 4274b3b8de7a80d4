//! Parties that accuse each other.

use std::time::Duration;

use crate::support::{Conduct, World, events_of, verify};

#[tokio::test(start_paused = true)]
async fn a_pair_that_cheated_never_signs_together_again() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;
    world.pass(Duration::from_secs(60)).await;
    world.present(&["p1", "p2"]);
    world.let_party("p1", Conduct::Accuses("p2".parse().unwrap()));
    world.let_party("p2", Conduct::Absent);
    let token = alice.sign(key, "message");
    let path = format!("/v1/keys/{key}/signatures");

    // p2 comes only when the spare is there.
    assert_eq!(replica.post(&path, &token).await.status, 202);
    world.until_events("ParticipantReady", 4).await;
    world.let_party("p2", Conduct::Silent);
    world.advance(Duration::from_secs(2)).await;
    let events = world.until_events("AttemptFailed", 1).await;
    let failed = events_of(&events, "AttemptFailed")[0];
    assert_eq!(failed.payload["reporter"], "p1");
    assert_eq!(failed.payload["culprits"], serde_json::json!(["p2"]));
    world.let_party("p1", Conduct::Honest);
    world.let_party("p2", Conduct::Honest);

    // The attempt goes on without the culprit.
    let answer = replica.post_and_wait(&path, &token).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["signers"], serde_json::json!(["p1", "p3"]));
    let events = world.until_events("PairBanned", 1).await;
    let banned = events_of(&events, "PairBanned")[0];
    assert_eq!(banned.stream.aggregate_id, key.to_string());
    assert_eq!(
        (&banned.payload["reporter"], &banned.payload["culprit"]),
        (&"p1".into(), &"p2".into())
    );

    // Later sessions avoid the pair, also when it alone is there.
    for n in 0..8 {
        world.pass(Duration::from_secs(60)).await;
        world.present(&["p1", "p2"]);
        let answer = alice
            .signature(&replica, key, &format!("message {n}"))
            .await;
        verify(&answer.body);
        let signers = answer.body["signers"].as_array().unwrap();
        assert!(signers.contains(&"p3".into()), "{signers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn with_every_pair_banned_there_is_no_quorum() {
    let world = World::new(2).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 2).await;
    world.let_party("p1", Conduct::Accuses("p2".parse().unwrap()));
    world.let_party("p2", Conduct::Silent);

    let failed = alice.signature(&replica, key, "message").await;
    assert_eq!(
        (failed.status, failed.text("code")),
        (502, "session_failed")
    );
    assert_eq!(failed.text("reason"), "not_enough_parties");
    world.until_events("PairBanned", 1).await;
    let head = world.head().await;
    let refused = alice.signature(&replica, key, "another").await;

    assert_eq!((refused.status, refused.text("code")), (409, "no_quorum"));
    assert_eq!(world.head().await, head);
}
