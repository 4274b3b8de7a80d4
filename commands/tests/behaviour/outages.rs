//! When the bus is away, and when parties do not pin the same roster.

use std::time::Duration;

use countersign_domain::intent::Action;

use crate::support::{Conduct, Warnings, World, events_of, verify};

#[tokio::test(start_paused = true)]
async fn while_the_bus_is_away_no_session_begins_and_everything_else_goes_on() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;
    let path = format!("/v1/keys/{key}/signatures");
    assert_eq!(replica.readyz().await.status, 200);

    // A moment without it is nothing.
    world.link.cut(true);
    let early = alice.sign(key, "early");
    let begun = replica.post(&path, &early).await;
    assert_eq!(begun.status, 202, "{}", begun.body);

    world.advance(Duration::from_secs(3)).await;
    let head = world.head().await;
    let late = alice.sign(key, "late");
    let refused = replica.post(&path, &late).await;
    assert_eq!((refused.status, refused.text("code")), (503, "unavailable"));
    assert_eq!(refused.header("retry-after"), "2");
    let refused = replica
        .post(&alice.keys_path(), &alice.create_key(2, 2))
        .await;
    assert_eq!((refused.status, refused.text("code")), (503, "unavailable"));
    assert_eq!(world.head().await, head);
    let unready = replica.readyz().await;
    assert_eq!(unready.status, 503);
    assert!(
        unready.text("detail").contains("the bus"),
        "{}",
        unready.body
    );
    // What was done before is answered, and what needs no party is done.
    assert_eq!(replica.post(&path, &early).await.status, 202);
    let account = format!("/v1/accounts/{}", alice.id);
    for (verb, action) in [
        ("suspend", Action::Suspend),
        ("reactivate", Action::Reactivate),
    ] {
        let (path, token) = (format!("{account}/{verb}"), alice.token(action));
        assert_eq!(replica.post(&path, &token).await.status, 200, "{verb}");
    }

    world.link.cut(false);
    assert_eq!(replica.readyz().await.status, 200);
    assert_eq!(replica.post(&path, &late).await.status, 202);
    world.until_in_time("SessionCompleted", 3).await;
    for token in [&early, &late] {
        let answer = replica.post_and_wait(&path, token).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        verify(&answer.body);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_bus_costs_no_attempt() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;
    let path = format!("/v1/keys/{key}/signatures");
    let warnings = Warnings::collect();
    world.link.cut(true);
    let token = alice.sign(key, "message");
    assert_eq!(replica.post(&path, &token).await.status, 202);
    // Longer than parties have to get ready.
    for _ in 0..60 {
        world.pass(Duration::from_millis(500)).await;
        assert!(events_of(&world.events().await, "AttemptFailed").is_empty());
    }

    world.link.cut(false);
    world.until_in_time("SessionCompleted", 2).await;
    let answer = replica.post_and_wait(&path, &token).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["attempts"], 1);
    // It is told once, not with every attempt.
    let mut seen = warnings.seen();
    seen.retain(|warning| !warning.contains("relay"));
    assert_eq!(seen.len(), 1, "{seen:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_session_expires_also_while_the_bus_is_away() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;
    let path = format!("/v1/keys/{key}/signatures");
    world.link.cut(true);
    let token = alice.sign(key, "message");
    assert_eq!(replica.post(&path, &token).await.status, 202);
    world.pass(Duration::from_secs(120)).await;
    let events = world.until_events("SessionExpired", 1).await;
    assert!(events_of(&events, "AttemptFailed").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_party_that_pins_another_roster_is_named_and_not_picked_when_others_are_there() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;
    assert_eq!(
        replica.readyz().await.body["warnings"],
        serde_json::Value::Null
    );
    let warnings = Warnings::collect();

    world.pass(Duration::from_secs(1)).await;
    world.present_with_another_roster(&["p2"]);
    let told = async {
        while warnings.seen().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    told.await;
    let seen = warnings.seen();
    assert!(seen.len() == 1 && seen[0].contains("p2"), "{seen:?}");
    let ready = replica.readyz().await;
    assert_eq!(ready.status, 200);
    let named = &ready.body["warnings"][0];
    assert!(named.as_str().unwrap().contains("p2"), "{named}");

    let path = format!("/v1/keys/{key}/signatures");
    for message in ["a", "b", "c", "d", "e", "f"] {
        let answer = replica
            .post_and_wait(&path, &alice.sign(key, message))
            .await;
        assert_eq!(answer.body["signers"], serde_json::json!(["p1", "p3"]));
    }
    // One that is away cannot sign at all.
    world.let_party("p3", Conduct::Absent);
    world.pass(Duration::from_secs(10)).await;
    world.present(&["p1"]);
    world.present_with_another_roster(&["p2"]);
    let answer = replica.post_and_wait(&path, &alice.sign(key, "g")).await;
    assert_eq!(answer.body["signers"], serde_json::json!(["p1", "p2"]));
}
