//! More than one replica, and none for a while.

use std::time::Duration;

use countersign_domain::intent::Action;

use countersign_messaging::{Bus as _, Headers};

use crate::support::{Conduct, Warnings, World, events_of, verify};

#[tokio::test(start_paused = true)]
async fn another_replica_finishes_what_a_stopped_one_began() {
    let world = World::new(3).await;
    let first = world.replica().await;
    let second = world.replica().await;
    let alice = world.account(&first, "alice").await;
    let key = alice.key(&first, 2, 3).await;
    world.let_all(&Conduct::Silent);
    let token = alice.sign(key, "message");
    let path = format!("/v1/keys/{key}/signatures");
    assert_eq!(first.post(&path, &token).await.status, 202);
    world.until_events("SessionStarted", 2).await;

    first.stop().await;
    world.let_all(&Conduct::Honest);
    world.advance(Duration::from_secs(15)).await;
    let answer = second.post_and_wait(&path, &token).await;

    assert_eq!(answer.status, 200, "{}", answer.body);
    verify(&answer.body);
    assert_eq!(answer.body["attempts"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_restart_picks_up_open_sessions() {
    let world = World::new(3).await;
    let before = world.replica().await;
    let alice = world.account(&before, "alice").await;
    let key = alice.key(&before, 2, 3).await;
    world.let_all(&Conduct::Absent);
    let token = alice.sign(key, "message");
    let path = format!("/v1/keys/{key}/signatures");
    assert_eq!(before.post(&path, &token).await.status, 202);
    before.stop().await;
    world.let_all(&Conduct::Honest);

    // Its invitations go out again, with the same join tokens.
    let after = world.replica().await;
    let answer = after.post_and_wait(&path, &token).await;

    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["attempts"], 1);
}

#[tokio::test(start_paused = true)]
async fn deadlines_that_passed_while_nobody_ran_are_acted_on_at_start() {
    let world = World::new(3).await;
    let before = world.replica().await;
    let alice = world.account(&before, "alice").await;
    world.let_all(&Conduct::Absent);
    let token = alice.create_key(2, 3);
    assert_eq!(before.post(&alice.keys_path(), &token).await.status, 202);
    before.stop().await;

    world.pass(Duration::from_hours(1)).await;
    let after = world.replica().await;
    world.until_events("KeyRetired", 1).await;

    let answer = after.post_and_wait(&alice.keys_path(), &token).await;
    assert_eq!(
        (answer.status, answer.text("code")),
        (504, "session_expired")
    );
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_behind_refuses_nothing_that_is_allowed() {
    let world = World::new(3).await;
    let coordinating = world.replica().await;
    let alice = world.account(&coordinating, "alice").await;
    // It answers requests and has not heard of anything that came later.
    let behind = world.deaf_replica();
    let token = alice.create_key(2, 3);
    let started = behind.post(&alice.keys_path(), &token).await;
    assert_eq!(started.status, 202, "{}", started.body);
    let key: countersign_domain::ids::KeyId = started.text("key_id").parse().unwrap();
    // It does not coordinate: the other one invites when it sees that nobody does.
    world.until_in_time("KeyActivated", 1).await;

    let path = format!("/v1/keys/{key}/signatures");
    let first = alice.sign(key, "message");
    assert_eq!(behind.post(&path, &first).await.status, 202);

    // Suspended and reactivated elsewhere, and nothing of it is missed.
    let account = format!("/v1/accounts/{}", alice.id);
    let suspend = alice.token(Action::Suspend);
    coordinating
        .post(&format!("{account}/suspend"), &suspend)
        .await;
    let second = behind.post(&path, &alice.sign(key, "another")).await;
    assert_eq!(
        (second.status, second.text("code")),
        (403, "account_not_active")
    );
    let reactivate = alice.token(Action::Reactivate);
    coordinating
        .post(&format!("{account}/reactivate"), &reactivate)
        .await;
    let third = behind.post(&path, &alice.sign(key, "a third")).await;
    assert_eq!(third.status, 202, "{}", third.body);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_at_a_replica_that_stops_is_answered() {
    let world = World::new(2).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    world.let_party("p1", Conduct::Absent);
    let waiting = {
        let (path, token) = (alice.keys_path(), alice.create_key(2, 2));
        let request = replica.clone_router();
        tokio::spawn(async move { request.post_and_wait(&path, &token).await })
    };
    world.until_events("ParticipantReady", 1).await;

    replica.stop().await;

    let answer = waiting.await.unwrap();
    assert_eq!(answer.status, 202, "{}", answer.body);
}

#[tokio::test(start_paused = true)]
async fn two_replicas_leave_the_same_events_as_one() {
    let world = World::new(3).await;
    let first = world.replica().await;
    let _second = world.replica().await;
    let alice = world.account(&first, "alice").await;
    let key = alice.key(&first, 2, 3).await;
    alice.signature(&first, key, "message").await;

    let events = world.events().await;
    for (event_type, count) in [
        ("KeyRequested", 1),
        ("KeyActivated", 1),
        ("SessionStarted", 2),
        ("SessionCompleted", 2),
        ("AttemptFailed", 0),
        ("KeyRetired", 0),
    ] {
        assert_eq!(events_of(&events, event_type).len(), count, "{event_type}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_replicas_invite_each_party_once() {
    let world = World::new(3).await;
    let first = world.replica().await;
    let second = world.replica().await;
    let mut invitations = world.bus.subscribe("cs.v1.invite.*").await.unwrap();
    let alice = world.account(&first, "alice").await;
    // Whoever waits at the second is answered when it has seen the end.
    let (path, token) = (alice.keys_path(), alice.create_key(2, 3));
    let (made, seen) = tokio::join!(first.post_and_wait(&path, &token), async {
        world.until_events("SessionCreated", 1).await;
        second.post_and_wait(&path, &token).await
    });
    assert_eq!((made.status, seen.status), (200, 200), "{}", made.body);
    let key: countersign_domain::ids::KeyId = made.text("key_id").parse().unwrap();
    let (path, token) = (
        format!("/v1/keys/{key}/signatures"),
        alice.sign(key, "message"),
    );
    let (made, seen) = tokio::join!(first.post_and_wait(&path, &token), async {
        world.until_events("SessionCreated", 2).await;
        second.post_and_wait(&path, &token).await
    });
    assert_eq!((made.status, seen.status), (200, 200), "{}", made.body);

    let end = "cs.v1.invite.end";
    let sent = world.bus.publish(end, vec![].into(), Headers::new());
    sent.await.unwrap();
    let mut count = 0;
    while *invitations.next().await.unwrap().subject != *end {
        count += 1;
    }
    assert_eq!(count, 3 + 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_at_one_replica_is_answered_when_another_takes_the_end() {
    let world = World::new(3).await;
    let first = world.replica_without_parties().await;
    let _second = world.replica().await;
    let alice = world.account(&first, "alice").await;
    let key = alice.key(&first, 2, 3).await;
    alice.signature(&first, key, "message").await;
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_two_replicas_see_has_one_consequence_and_makes_no_noise() {
    let world = World::new(3).await;
    let first = world.replica().await;
    let second = world.replica().await;
    let alice = world.account(&first, "alice").await;
    let key = alice.key(&first, 2, 3).await;
    world.let_all(&Conduct::Silent);
    let warnings = Warnings::collect();
    let token = alice.sign(key, "message");
    let path = format!("/v1/keys/{key}/signatures");
    assert_eq!(first.post(&path, &token).await.status, 202);
    let events = world.until_in_time("SessionFailed", 1).await;

    let attempts: Vec<_> = events_of(&events, "AttemptFailed")
        .iter()
        .map(|event| event.payload["attempt"].clone())
        .collect();
    assert_eq!(attempts, [1, 2, 3, 4, 5]);
    for replica in [first, second] {
        let answer = replica.post_and_wait(&path, &token).await;
        assert_eq!(
            (answer.status, answer.text("code")),
            (502, "session_failed")
        );
        replica.stop().await;
    }
    assert_eq!(warnings.seen(), Vec::<String>::new());
}
