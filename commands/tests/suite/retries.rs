//! The same request again, at once or much later.

use countersign_domain::ids::SessionId;
use countersign_domain::intent::Action;

use crate::support::{Manner, World, path_of, sign};

#[tokio::test]
async fn the_same_claims_signed_anew_are_the_same_request() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.registered("alice", &replica).await;
    let key = world.key(&alice, (2, 3), &replica).await;
    let first = replica
        .ask(&alice, "s", sign(key, "m"))
        .await
        .has_status(200);
    let head = world.head().await;
    world.clock.advance(chrono::Duration::seconds(30));
    let second = replica
        .ask(&alice, "s", sign(key, "m"))
        .await
        .has_status(200);
    assert_eq!(second.body, first.body);
    assert_eq!(world.head().await, head);
}

#[tokio::test]
async fn a_retry_is_answered_after_the_intent_expired_and_the_key_was_frozen() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.registered("alice", &replica).await;
    let key = world.key(&alice, (2, 3), &replica).await;
    let action = sign(key, "m");
    let (path, token) = (path_of(&alice, &action), alice.intent("s", action));
    let first = replica.wait(&path, &token).await.has_status(200);
    replica
        .ask(&alice, "f", Action::Freeze { key })
        .await
        .has_status(200);
    replica
        .ask(&alice, "d", Action::Suspend)
        .await
        .has_status(200);
    world.clock.advance(chrono::Duration::hours(25));
    let again = replica.wait(&path, &token).await.has_status(200);
    assert_eq!(again.body, first.body);
    // So it is by a replica that has just come up.
    let fresh = world.replica().await;
    let again = fresh.post(&path, &token).await.has_status(200);
    assert_eq!(again.body, first.body);
}

#[tokio::test]
async fn a_client_that_went_away_finds_its_session_when_it_comes_back() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.registered("alice", &replica).await;
    let key = world.key(&alice, (2, 3), &replica).await;
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Absent));
    let action = sign(key, "m");
    let (path, token) = (path_of(&alice, &action), alice.intent("s", action));
    let session = SessionId::of(alice.account, "s");
    tokio::select! {
        answer = replica.wait(&path, &token) => panic!("nobody signs: {answer:?}"),
        _ = world.event(session, "SessionCreated") => {}
    }
    world
        .parties
        .iter()
        .for_each(|party| party.behave(Manner::Honest));
    replica.wait(&path, &token).await.has_status(200);
}
