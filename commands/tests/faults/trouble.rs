//! When the log fails or goes away.

use std::time::{Duration, Instant};

use countersign_commands::RunError;
use countersign_domain::ids::{KeyId, SessionId};
use countersign_domain::intent::Action;
use countersign_event_store::{LogError, StreamId};
use countersign_messaging::party_command::PartyReply;
use serde_json::json;

use crate::support::{
    Manner, TestLog, World, create_key, group_public_key, join, path_of, sign, soon,
};

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

#[tokio::test]
async fn a_command_whose_answer_is_lost_is_found_again_by_a_retry() {
    let world = World::new(3).await;
    let log = TestLog::over(world.log.clone());
    let replica = world.replica_over(log.clone()).await;
    let alice = world.registered("alice", &replica).await;
    let key = world.key(&alice, (2, 3), &replica).await;
    for (jti, action) in [
        ("s", sign(key, "m")),
        ("k", create_key(2, 2)),
        ("f", Action::Freeze { key }),
    ] {
        let path = path_of(&alice, &action);
        let token = alice.intent(jti, action);
        log.lose_answers(true);
        let lost = replica.post(&path, &token).await;
        lost.is_problem(503, "unavailable", None);
        assert_eq!(lost.header("retry-after"), "1");
        log.lose_answers(false);
        replica.wait(&path, &token).await.has_status(200);
    }
    let events = world.events().await;
    let count = |name| events.iter().filter(|e| e.event_type == name).count();
    assert_eq!(count("SessionCreated"), 3);
    assert_eq!(count("KeyRequested"), 2);
    assert_eq!(count("KeyFrozen"), 1);
}

#[tokio::test]
async fn a_party_whose_answer_is_lost_may_say_it_again() {
    let world = World::new(2).await;
    let log = TestLog::over(world.log.clone());
    let replica = world.replica_over(log.clone()).await;
    let alice = world.registered("alice", &replica).await;
    let key = world.key(&alice, (2, 2), &replica).await;
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Absent));
    let path = path_of(&alice, &sign(key, "m"));
    let token = alice.intent("s", sign(key, "m"));
    replica.post(&path, &token).await.has_status(202);
    let session = SessionId::of(alice.account, "s");
    let one = world.party(1);
    let bytes = one.command(session, 1, join(&one.invitation(session).await.token));
    log.lose_answers(true);
    let lost = replica.commands.party_command(&bytes).await;
    assert!(
        matches!(lost, PartyReply::Refused { retry: true, .. }),
        "{lost:?}"
    );
    log.lose_answers(false);
    let again = replica.commands.party_command(&bytes).await;
    assert!(matches!(again, PartyReply::Accepted { .. }), "{again:?}");
    let joined = world.history(session).await;
    assert_eq!(
        joined.iter().filter(|n| *n == "ParticipantJoined").count(),
        1
    );
}

#[tokio::test]
async fn a_log_that_is_away_for_a_while_is_waited_for_and_nothing_is_half_done() {
    let world = World::new(3).await;
    let log = TestLog::over(world.log.clone());
    // Away from the start …
    log.is_away(true);
    let replica = world.starting_over(log.clone());
    let unready = replica.readyz().await;
    unready.is_problem(503, "unavailable", None);
    assert_eq!(unready.header("retry-after"), "1");
    log.is_away(false);
    replica.is_ready().await;
    let alice = world.registered("alice", &replica).await;
    let key = world.key(&alice, (2, 3), &replica).await;
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Absent));
    let open = alice.intent("open", sign(key, "open"));
    let path = path_of(&alice, &sign(key, "open"));
    replica.post(&path, &open).await.has_status(202);

    // … and in the middle.
    log.is_away(true);
    let head = world.head().await;
    replica.readyz().await.is_problem(503, "unavailable", None);
    for (jti, action) in [
        ("new", sign(key, "new")),
        ("k", create_key(2, 2)),
        ("f", Action::Freeze { key }),
        ("a", Action::Suspend),
    ] {
        let refused = replica.ask(&alice, jti, action).await;
        refused.is_problem(503, "unavailable", None);
        assert_eq!(refused.header("retry-after"), "1");
    }
    let one = world.party(1);
    let session = SessionId::of(alice.account, "open");
    let bytes = one.command(session, 1, join(&one.invitation(session).await.token));
    let reply = replica.commands.party_command(&bytes).await;
    assert!(
        matches!(reply, PartyReply::Refused { retry: true, .. }),
        "{reply:?}"
    );
    assert_eq!(world.head().await, head);

    log.is_away(false);
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Honest));
    replica.wait(&path, &open).await.has_status(200);
    replica
        .ask(&alice, "new", sign(key, "new"))
        .await
        .has_status(200);
    assert!(!replica.task.is_finished());
}
