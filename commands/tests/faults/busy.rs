//! The coordinator while events never stop.

use std::sync::Arc;

use countersign_domain::ids::SessionId;
use tokio_util::sync::CancellationToken;

use crate::support::{Manner, TestLog, World, join, path_of, sign};

/// Appends without a pause until it is dropped.
struct Flood(CancellationToken);

impl Flood {
    fn over(world: &Arc<World>) -> Self {
        let stop = CancellationToken::new();
        for _ in 0..4 {
            let (world, stop) = (world.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.is_cancelled() {
                    world.append_noise().await;
                }
            });
        }
        Self(stop)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[tokio::test]
async fn deadlines_fire_while_events_never_stop() {
    let world = Arc::new(World::new(3).await);
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
    let flood = Flood::over(&world);
    world.clock.advance(chrono::Duration::hours(1));
    let session = SessionId::of(alice.account, "s");
    world.event(session, "SessionExpired").await;
    drop(flood);
}

#[tokio::test]
async fn awaited_parties_are_invited_again_while_events_never_stop() {
    let world = Arc::new(World::new(3).await);
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
    let flood = Flood::over(&world);
    // They did not take their first invitation; they take the next.
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Honest));
    let session = SessionId::of(alice.account, "s");
    world.event(session, "SessionCompleted").await;
    drop(flood);
}

#[tokio::test]
async fn the_log_is_told_how_many_sessions_are_in_progress() {
    let world = World::new(2).await;
    let log = TestLog::over(world.log.clone());
    let replica = world.replica_over(log.clone()).await;
    let alice = world.registered("alice", &replica).await;
    let key = world.key(&alice, (2, 2), &replica).await;
    log.has_in_work(0).await;
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Absent));
    let path = path_of(&alice, &sign(key, "m"));
    for (running, jti) in [(1, "a"), (2, "b")] {
        let token = alice.intent(jti, sign(key, "m"));
        replica.post(&path, &token).await.has_status(202);
        let session = SessionId::of(alice.account, jti);
        for party in [1, 2].map(|index| world.party(index)) {
            let join = join(&party.invitation(session).await.token);
            let told = party.command(session, 1, join);
            replica.commands.party_command(&told).await;
        }
        log.has_in_work(running).await;
    }
    world.clock.advance(chrono::Duration::hours(1));
    log.has_in_work(0).await;
}
