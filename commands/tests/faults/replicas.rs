//! More than one replica, and replicas that are behind.

use countersign_domain::ids::{KeyId, SessionId};
use countersign_domain::intent::Action;
use countersign_messaging::party_command::PartyReply;

use crate::support::{Manner, TestLog, World, create_key, join, path_of, sign};

fn is_accepted(reply: &PartyReply) {
    assert!(matches!(reply, PartyReply::Accepted { .. }), "{reply:?}");
}

#[tokio::test]
async fn a_replica_that_is_behind_does_not_refuse_what_the_log_allows() {
    let world = World::new(3).await;
    let first = world.replica().await;
    let log = TestLog::over(world.log.clone());
    let behind = world.replica_over(log.clone()).await;
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Absent));
    let alice = world.registered("alice", &first).await;
    let action = create_key(2, 3);
    let token = alice.intent("k", action.clone());
    first
        .post(&path_of(&alice, &action), &token)
        .await
        .has_status(202);
    let key = KeyId::of(SessionId::of(alice.account, "k"));
    // Now the second replica knows the key as one that is not active …
    let path = path_of(&alice, &sign(key, "m"));
    let early = behind
        .post(&path, &alice.intent("early", sign(key, "m")))
        .await;
    early.is_problem(403, "key_not_active", None);
    log.show_until(world.head().await);
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Honest));
    world.event(key, "KeyActivated").await;
    // … and does not hear that it became so, but must not refuse for that.
    let answer = behind
        .post(&path, &alice.intent("late", sign(key, "m")))
        .await;
    answer.has_status(202);
    world
        .event(SessionId::of(alice.account, "late"), "SessionCompleted")
        .await;
    // Nor may it say that a key generation still runs that is over.
    let again = behind
        .post(&path_of(&alice, &action), &token)
        .await
        .has_status(200);
    assert_eq!(again.body["status"], "completed");
}

#[tokio::test]
async fn a_replica_that_is_behind_takes_what_the_parties_hand_in() {
    let world = World::new(2).await;
    let first = world.replica().await;
    let alice = world.registered("alice", &first).await;
    let key = world.key(&alice, (2, 2), &first).await;
    let log = TestLog::over(world.log.clone());
    let behind = world.replica_over(log.clone()).await;
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Absent));
    let path = path_of(&alice, &sign(key, "m"));
    first
        .post(&path, &alice.intent("s", sign(key, "m")))
        .await
        .has_status(202);
    let session = SessionId::of(alice.account, "s");
    let (one, two) = (world.party(1), world.party(2));
    let invitations = (one.invitation(session).await, two.invitation(session).await);
    let commands = [
        one.command(session, 1, join(&invitations.0.token)),
        two.command(session, 1, join(&invitations.1.token)),
        one.command(session, 1, one.signature(&invitations.0.session)),
    ];
    // It sees the first join, and nothing after that.
    is_accepted(&behind.commands.party_command(&commands[0]).await);
    log.show_until(world.head().await);
    is_accepted(&first.commands.party_command(&commands[1]).await);
    is_accepted(&behind.commands.party_command(&commands[2]).await);
    world.event(session, "SessionCompleted").await;
}

#[tokio::test]
async fn when_one_replica_goes_away_in_the_middle_the_other_finishes() {
    let world = World::new(3).await;
    let first = world.replica().await;
    let second = world.replica().await;
    let alice = world.registered("alice", &first).await;
    let key = world.key(&alice, (2, 3), &first).await;
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Absent));
    let path = path_of(&alice, &sign(key, "m"));
    let token = alice.intent("s", sign(key, "m"));
    first.post(&path, &token).await.has_status(202);
    first.stop().await;
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Honest));
    let answer = second.wait(&path, &token).await.has_status(200);
    assert_eq!(answer.body["status"], "completed");
}

#[tokio::test]
async fn what_is_open_at_a_restart_of_everything_is_finished_after_it() {
    let mut world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.registered("alice", &replica).await;
    let key = world.key(&alice, (2, 3), &replica).await;
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Absent));
    let path = path_of(&alice, &sign(key, "m"));
    let token = alice.intent("s", sign(key, "m"));
    replica.post(&path, &token).await.has_status(202);
    replica.stop().await;
    world.reopen().await;
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Honest));
    let replica = world.replica().await;
    let answer = replica.wait(&path, &token).await.has_status(200);
    assert_eq!(answer.body["attempts"], 1);
}

#[tokio::test]
async fn a_deadline_that_passes_while_nothing_runs_fires_after_the_restart() {
    let mut world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.registered("alice", &replica).await;
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Absent));
    let action = create_key(2, 3);
    let token = alice.intent("k", action.clone());
    let path = path_of(&alice, &action);
    replica.post(&path, &token).await.has_status(202);
    replica.stop().await;
    world.reopen().await;
    world.clock.advance(chrono::Duration::hours(2));
    let replica = world.replica().await;
    let session = SessionId::of(alice.account, "k");
    world.event(session, "SessionExpired").await;
    world.event(KeyId::of(session), "KeyRetired").await;
    // The intent has expired too, but its answer stays.
    let answer = replica.wait(&path, &token).await;
    answer.is_problem(504, "session_expired", None);
    assert_eq!(answer.body["session_id"], session.to_string());
}

#[tokio::test]
async fn a_request_that_the_other_replica_carries_out_meanwhile_is_not_refused_by_it() {
    let world = World::new(3).await;
    let first = world.replica().await;
    let log = TestLog::over(world.log.clone());
    let second = world.replica_over(log.clone()).await;
    let alice = world.registered("alice", &first).await;
    second
        .ask(&alice, "a", Action::Suspend)
        .await
        .has_status(200);
    // From here on the second replica believes the account to be suspended.
    log.show_until(world.head().await);
    first
        .ask(&alice, "b", Action::Reactivate)
        .await
        .has_status(200);
    let token = alice.intent("c", Action::Suspend);
    let path = path_of(&alice, &Action::Suspend);
    // When it looks again it sees nothing done, and then the other one does it.
    log.answer_late(1);
    let slow = second.post(&path, &token);
    let fast = async {
        log.has_a_late_answer().await;
        let answer = first.post(&path, &token).await.has_status(200);
        log.release();
        answer
    };
    let (slow, fast) = tokio::join!(slow, fast);
    assert_eq!(slow.has_status(200).body, fast.body);
}

#[tokio::test]
async fn a_party_may_join_at_a_replica_that_has_not_heard_of_its_session() {
    let world = World::new(2).await;
    let first = world.replica().await;
    let alice = world.registered("alice", &first).await;
    let key = world.key(&alice, (2, 2), &first).await;
    let log = TestLog::over(world.log.clone());
    let behind = world.replica_over(log.clone()).await;
    log.show_until(world.head().await);
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Absent));
    let path = path_of(&alice, &sign(key, "m"));
    let token = alice.intent("s", sign(key, "m"));
    first.post(&path, &token).await.has_status(202);
    let session = SessionId::of(alice.account, "s");
    for index in [1, 2] {
        let party = world.party(index);
        let join = join(&party.invitation(session).await.token);
        is_accepted(
            &behind
                .commands
                .party_command(&party.command(session, 1, join))
                .await,
        );
    }
    world.event(session, "SessionStarted").await;
}
