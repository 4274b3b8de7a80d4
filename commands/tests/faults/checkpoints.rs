//! Where a replica begins to read that starts, and that it misses nothing by it.

use std::sync::Arc;

use countersign_domain::ids::{KeyId, SessionId};
use countersign_event_store::Checkpoints as _;
use countersign_messaging::party_command::AbortReason;

use crate::support::{Manner, TestCheckpoints, TestLog, World, create_key, party, path_of, sign};

async fn world(parties: u8) -> (World, Arc<TestCheckpoints>) {
    let mut world = World::new(parties).await;
    let checkpoints = Arc::new(TestCheckpoints::default());
    world.checkpoints = checkpoints.clone();
    (world, checkpoints)
}

fn all(world: &World, manner: &Manner) {
    for party in &world.parties {
        party.behave(manner.clone());
    }
}

#[tokio::test]
async fn with_nothing_open_the_next_start_reads_nothing_of_the_past() {
    let (world, checkpoints) = world(3).await;
    let replica = world.replica().await;
    let alice = world.registered("alice", &replica).await;
    let key = world.key(&alice, (2, 3), &replica).await;
    replica
        .ask(&alice, "s", sign(key, "m"))
        .await
        .has_status(200);
    let head = world.head().await;
    checkpoints.reach(head).await;
    replica.stop().await;

    let log = TestLog::over(world.log.clone());
    let next = world.replica_over(log.clone()).await;
    next.ask(&alice, "t", sign(key, "n")).await.has_status(200);
    // What was done before is known all the same.
    next.ask(&alice, "s", sign(key, "m")).await.has_status(200);
    assert_eq!(log.lowest_read(), head);
}

#[tokio::test]
async fn an_open_session_is_finished_by_a_replica_that_begins_at_its_creation() {
    let (world, checkpoints) = world(3).await;
    let first = world.replica().await;
    let alice = world.registered("alice", &first).await;
    let key = world.key(&alice, (2, 3), &first).await;
    all(&world, &Manner::Absent);
    let path = path_of(&alice, &sign(key, "m"));
    let token = alice.intent("s", sign(key, "m"));
    first.post(&path, &token).await.has_status(202);
    let created = world
        .event(SessionId::of(alice.account, "s"), "SessionCreated")
        .await;
    // Others come and go meanwhile.
    world.registered("bert", &first).await;
    checkpoints.reach(created.position - 1).await;
    first.stop().await;
    assert_eq!(checkpoints.coordinator(), created.position - 1);

    all(&world, &Manner::Honest);
    let log = TestLog::over(world.log.clone());
    let second = world.replica_over(log.clone()).await;
    second.wait(&path, &token).await.has_status(200);
    assert_eq!(log.lowest_read(), created.position - 1);
    checkpoints.reach(world.head().await).await;
}

#[tokio::test]
async fn a_key_that_is_still_to_be_activated_is_activated_after_a_restart() {
    let (world, checkpoints) = world(2).await;
    let log = TestLog::over(world.log.clone());
    let first = world.replica_over(log.clone()).await;
    let alice = world.registered("alice", &first).await;
    all(&world, &Manner::Silent);
    let action = create_key(2, 2);
    let token = alice.intent("k", action.clone());
    let path = path_of(&alice, &action);
    first.post(&path, &token).await.has_status(202);
    let session = SessionId::of(alice.account, "k");
    let created = world.event(session, "SessionCreated").await;
    world.event(session, "SessionStarted").await;
    // The last receipt is taken in by another, and nothing can be written here.
    log.refuse_appends(true);
    let (other, _) = world.idle(world.log.clone());
    for index in [1, 2] {
        let party = world.party(index);
        let asked = party.invitation(session).await.session;
        let receipt = party.receipt(&asked, crate::support::statement(&asked, 1));
        other
            .party_command(&party.command(session, 1, receipt))
            .await;
    }
    world.event(session, "SessionCompleted").await;
    log.was_refused(1).await;
    first.stop().await;
    assert_eq!(checkpoints.coordinator(), created.position - 1);

    let second = world.replica().await;
    world.event(KeyId::of(session), "KeyActivated").await;
    second.wait(&path, &token).await.has_status(200);
}

#[tokio::test]
async fn a_pair_that_was_banned_before_the_checkpoint_stays_apart_after_it() {
    let (world, checkpoints) = world(3).await;
    let first = world.replica().await;
    let alice = world.registered("alice", &first).await;
    let key = world.key(&alice, (2, 3), &first).await;
    let blames = Manner::Blames(party(2), AbortReason::Cheating);
    world.party(1).behave(blames.clone());
    let mut n = 0;
    // Until it came to p1 and p2 signing together.
    while !world.history(key).await.contains(&"PairBanned".to_owned()) {
        n += 1;
        let jti = format!("s{n}");
        first
            .ask(&alice, &jti, sign(key, &jti))
            .await
            .has_status(200);
        if world
            .history(SessionId::of(alice.account, &jti))
            .await
            .contains(&"AttemptFailed".to_owned())
        {
            world.event(key, "PairBanned").await;
        }
    }
    checkpoints.reach(world.head().await).await;
    first.stop().await;

    let second = world.replica().await;
    for n in 0..6 {
        let jti = format!("t{n}");
        let answer = second
            .ask(&alice, &jti, sign(key, &jti))
            .await
            .has_status(200);
        let signers = answer.body["signers"].as_array().expect("signers").clone();
        assert!(!(signers.contains(&"p1".into()) && signers.contains(&"p2".into())));
        assert_eq!(answer.body["attempts"], 1);
    }
    let bans = world.history(key).await;
    assert_eq!(bans.iter().filter(|name| *name == "PairBanned").count(), 1);
}

#[tokio::test]
async fn a_checkpoint_of_a_longer_log_is_not_believed() {
    let (world, checkpoints) = world(3).await;
    let first = world.replica().await;
    let alice = world.registered("alice", &first).await;
    let key = world.key(&alice, (2, 3), &first).await;
    all(&world, &Manner::Absent);
    let path = path_of(&alice, &sign(key, "m"));
    let token = alice.intent("s", sign(key, "m"));
    first.post(&path, &token).await.has_status(202);
    first.stop().await;
    checkpoints
        .save("coordinator", 1_000_000)
        .await
        .expect("kept");
    all(&world, &Manner::Honest);
    let second = world.replica().await;
    second.wait(&path, &token).await.has_status(200);
}
