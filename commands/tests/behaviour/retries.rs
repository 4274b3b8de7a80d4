//! The same request again, and another one under the same `jti`.

use chrono::Duration;

use crate::support::{World, events_of, lifetime, signing};

#[tokio::test(start_paused = true)]
async fn a_retry_is_answered_after_its_intent_expired() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;
    let path = format!("/v1/keys/{key}/signatures");
    let token = alice.sign(key, "message");
    let unsent = alice.sign(key, "another");
    let first = replica.post_and_wait(&path, &token).await;
    world
        .pass((lifetime() + Duration::seconds(1)).to_std().unwrap())
        .await;

    let retried = replica.post(&path, &token).await;
    let late = replica.post(&path, &unsent).await;

    assert_eq!((retried.status, &retried.body), (200, &first.body));
    assert_eq!((late.status, late.text("code")), (401, "intent_expired"));
    assert_eq!(late.text("field"), "exp");
}

#[tokio::test(start_paused = true)]
async fn another_request_under_the_same_jti_is_refused() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let other = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;
    let path = format!("/v1/keys/{key}/signatures");
    let sign = |message| {
        let intent = alice.intent_named("one", signing(key, message));
        intent.sign(&alice.signer).unwrap()
    };
    let first = replica.post_and_wait(&path, &sign("message")).await;
    let head = world.head().await;

    for replica in [&replica, &other] {
        let answer = replica.post(&path, &sign("another")).await;
        assert_eq!((answer.status, answer.text("code")), (409, "jti_reused"));
        assert_eq!(answer.text("field"), "jti");
    }
    // Nor does a request of another kind pass.
    let suspend = alice.intent_named("one", countersign_domain::intent::Action::Suspend);
    let suspend = suspend.sign(&alice.signer).unwrap();
    let answer = replica
        .post(&format!("/v1/accounts/{}/suspend", alice.id), &suspend)
        .await;
    assert_eq!(answer.text("code"), "jti_reused");
    assert_eq!(world.head().await, head);
    assert_eq!(replica.post(&path, &sign("message")).await.body, first.body);
}

#[tokio::test(start_paused = true)]
async fn two_requests_under_one_jti_at_once_make_one_session() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;
    let path = format!("/v1/keys/{key}/signatures");
    let tokens: Vec<_> = (0..8)
        .map(|n| {
            let intent = alice.intent_named("one", signing(key, &format!("message {n}")));
            intent.sign(&alice.signer).unwrap()
        })
        .collect();

    let requests = tokens
        .iter()
        .map(|token| replica.post_and_wait(&path, token));
    let mut answers = futures::future::join_all(requests).await;

    answers.sort_by_key(|answer| answer.status);
    assert_eq!(answers[0].status, 200, "{}", answers[0].body);
    for answer in &answers[1..] {
        assert_eq!((answer.status, answer.text("code")), (409, "jti_reused"));
    }
    assert_eq!(events_of(&world.events().await, "SessionCreated").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn two_accounts_may_use_the_same_jti() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let bob = world.account(&replica, "bob").await;

    // Both count their requests alike.
    let (a, b) = (
        alice.key(&replica, 2, 3).await,
        bob.key(&replica, 2, 3).await,
    );

    assert_ne!(a, b);
}
