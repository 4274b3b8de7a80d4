//! When the log fails or goes away.

use std::time::{Duration, Instant};

use countersign_commands::RunError;
use countersign_domain::ids::{KeyId, SessionId};
use countersign_event_store::{LogError, StreamId};
use serde_json::json;

use crate::support::{Manner, TestLog, World, create_key, group_public_key, path_of, sign, soon};

#[tokio::test]
async fn a_deadline_that_cannot_be_written_is_tried_again_but_not_all_the_time() {
    let world = World::new(3).await;
    let log = TestLog::over(world.log.clone());
    let replica = world.replica_over(log.clone()).await;
    let alice = world.registered("alice", &replica).await;
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Absent));
    let action = create_key(2, 3);
    let token = alice.intent("k", action.clone());
    replica
        .post(&path_of(&alice, &action), &token)
        .await
        .has_status(202);
    log.refuse_appends(true);
    world.clock.advance(chrono::Duration::hours(1));
    log.was_refused(1).await;
    let first = Instant::now();
    log.was_refused(4).await;
    assert!(first.elapsed() > Duration::from_millis(300));
    log.refuse_appends(false);
    let session = SessionId::of(alice.account, "k");
    world.event(session, "SessionExpired").await;
    world.event(KeyId::of(session), "KeyRetired").await;
}

#[tokio::test]
async fn a_key_whose_receipts_activate_nothing_is_retired_even_if_the_log_fails_first() {
    let world = World::new(3).await;
    let log = TestLog::over(world.log.clone());
    let replica = world.replica_over(log.clone()).await;
    let alice = world.registered("alice", &replica).await;
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Silent));
    let action = create_key(2, 3);
    let token = alice.intent("k", action.clone());
    replica
        .post(&path_of(&alice, &action), &token)
        .await
        .has_status(202);
    let session = SessionId::of(alice.account, "k");
    world.event(session, "SessionStarted").await;
    log.refuse_appends(true);
    // No decision leads here: a session that is complete without receipts.
    let completed = json!({ "type": "SessionCompleted", "public_key": group_public_key() });
    let stream = StreamId::new("session", session);
    world
        .append_raw(stream, "SessionCompleted", completed)
        .await;
    log.was_refused(1).await;
    log.refuse_appends(false);
    let key = KeyId::of(session);
    world.event(key, "KeyRetired").await;
    let answer = replica.wait(&path_of(&alice, &action), &token).await;
    answer.is_problem(502, "session_failed", None);
    assert_eq!(answer.body["reason"], "receipts_disagree");
}

#[tokio::test]
async fn a_command_that_cannot_be_written_is_a_503_that_may_be_tried_again() {
    let world = World::new(3).await;
    let log = TestLog::over(world.log.clone());
    let replica = world.replica_over(log.clone()).await;
    let alice = world.client("alice");
    log.refuse_appends(true);
    let refused = replica.ask(&alice, "register", alice.registration()).await;
    refused.is_problem(503, "unavailable", None);
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(world.head().await, 0);
    log.refuse_appends(false);
    replica
        .ask(&alice, "register", alice.registration())
        .await
        .has_status(201);
}

#[tokio::test]
async fn it_does_not_end_quietly_when_the_log_is_closed_under_it() {
    for _ in 0..8 {
        let world = World::new(3).await;
        let replica = world.replica().await;
        world.log.close().await.expect("a clean end");
        let ended = soon(replica.task).await.expect("no panic");
        assert!(
            matches!(ended, Err(RunError::Log(LogError::Closed))),
            "{ended:?}"
        );
    }
}

#[tokio::test]
async fn those_who_wait_are_answered_when_it_stops() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.registered("alice", &replica).await;
    let key = world.key(&alice, (2, 3), &replica).await;
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Absent));
    let action = sign(key, "m");
    let session = SessionId::of(alice.account, "s");
    let waiting = replica.ask(&alice, "s", action);
    let stopping = async {
        world.event(session, "SessionCreated").await;
        replica.cancelled.cancel();
    };
    let (answer, ()) = tokio::join!(waiting, stopping);
    let answer = answer.has_status(202);
    assert_eq!(answer.header("location"), format!("/v1/sessions/{session}"));
}
