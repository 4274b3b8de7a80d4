//! Parties that do not come, or fall silent.

use std::time::Duration;

use crate::support::{Conduct, World, events_of, verify};

#[tokio::test(start_paused = true)]
async fn a_silent_signer_is_replaced_by_a_spare() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;
    let path = format!("/v1/keys/{key}/signatures");
    world.let_all(&Conduct::Silent);
    let token = alice.sign(key, "message");
    let started = replica.post(&path, &token).await;
    assert_eq!(started.status, 202, "{}", started.body);
    let events = world.until_events("SessionStarted", 2).await;
    let first = events_of(&events, "SessionStarted")[1].payload["signers"].clone();
    world.let_all(&Conduct::Honest);

    // 10 s and 1 s for each pair that computes with each other, of two: 14 s.
    world.advance(Duration::from_secs(15)).await;
    let answer = replica.post_and_wait(&path, &token).await;

    assert_eq!(answer.status, 200, "{}", answer.body);
    verify(&answer.body);
    assert_eq!(answer.body["attempts"], 2);
    let events = world.events().await;
    let failed = events_of(&events, "AttemptFailed");
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].payload["reason"]["kind"], "timeout");
    assert_eq!(failed[0].actor, "coordinator");
    assert_eq!(first.as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_signer_that_does_not_come_is_replaced_by_a_spare() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;
    let path = format!("/v1/keys/{key}/signatures");
    // It is thought to be there, and is the best choice, being alone with p1.
    world.pass(Duration::from_secs(60)).await;
    world.present(&["p1", "p2"]);
    world.let_party("p2", Conduct::Absent);
    let token = alice.sign(key, "message");
    assert_eq!(replica.post(&path, &token).await.status, 202);
    world.until_events("ParticipantReady", 4).await;

    world.pass(Duration::from_secs(6)).await;
    world.present(&["p1", "p3"]);
    let answer = replica.post_and_wait(&path, &token).await;

    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["signers"], serde_json::json!(["p1", "p3"]));
    assert_eq!(answer.body["attempts"], 2);
    let events = world.events().await;
    let failed = events_of(&events, "AttemptFailed")[0];
    assert_eq!(failed.payload["reason"]["kind"], "not_ready");
    assert_eq!(failed.payload["culprits"], serde_json::json!(["p2"]));
}

#[tokio::test(start_paused = true)]
async fn a_party_that_missed_its_invitation_is_invited_again() {
    let world = World::new(2).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 2).await;
    let path = format!("/v1/keys/{key}/signatures");
    world.let_party("p1", Conduct::Absent);
    let token = alice.sign(key, "message");
    assert_eq!(replica.post(&path, &token).await.status, 202);
    world.until_events("ParticipantReady", 3).await;
    world.let_party("p1", Conduct::Honest);

    world.advance(Duration::from_millis(1100)).await;
    let answer = replica.post_and_wait(&path, &token).await;

    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["attempts"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_generation_to_which_nobody_comes_fails_and_retires_its_key() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    world.let_all(&Conduct::Absent);
    let token = alice.create_key(2, 3);
    assert_eq!(replica.post(&alice.keys_path(), &token).await.status, 202);

    // Two attempts, 15 s to get ready for each.
    world.pass(Duration::from_secs(16)).await;
    world.until_events("AttemptFailed", 1).await;
    world.pass(Duration::from_secs(16)).await;
    let events = world.until_events("KeyRetired", 1).await;

    assert_eq!(events_of(&events, "AttemptFailed").len(), 2);
    let failed = events_of(&events, "SessionFailed")[0];
    assert_eq!(failed.payload["reason"], "attempts_exhausted");
    let answer = replica.post_and_wait(&alice.keys_path(), &token).await;
    assert_eq!(
        (answer.status, answer.text("code")),
        (502, "session_failed")
    );
    assert_eq!(answer.text("reason"), "attempts_exhausted");
}

#[tokio::test(start_paused = true)]
async fn a_client_waits_no_longer_than_it_said() {
    let world = World::new(2).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    world.let_party("p1", Conduct::Absent);
    let body = serde_json::json!({ "intent": alice.create_key(2, 2) }).to_string();
    let mut request = crate::support::post(&alice.keys_path(), &body);
    request
        .headers_mut()
        .insert("prefer", "respond-async, wait=3".parse().unwrap());

    let (answer, ()) = tokio::join!(replica.send(request), async {
        world.until_events("ParticipantReady", 1).await;
        world.pass(Duration::from_secs(4)).await;
    });

    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_eq!(answer.header("preference-applied"), "wait=3");
    assert_eq!(answer.text("status"), "waiting");
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_at_its_deadline_in_any_case() {
    let mut world = World::new(2).await;
    // The attempts alone would take longer than the session may.
    world.policy.sign.max_attempts = 100;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 2).await;
    let path = format!("/v1/keys/{key}/signatures");
    world.let_all(&Conduct::Silent);
    let token = alice.sign(key, "message");
    assert_eq!(replica.post(&path, &token).await.status, 202);
    world.until_events("SessionStarted", 2).await;

    world.pass(Duration::from_secs(3600)).await;
    let answer = replica.post_and_wait(&path, &token).await;

    assert_eq!(
        (answer.status, answer.text("code")),
        (504, "session_expired")
    );
    assert_eq!(answer.text("reason"), "expired");
}
