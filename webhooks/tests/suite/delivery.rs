//! What receivers get.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use chrono::Duration;
use countersign_domain::ids::SessionId;
use countersign_event_store::{EventFilter, EventLog as _};
use countersign_webhooks::{State, WebhookChange};
use serde_json::json;
use standardwebhooks::Webhook;
use uuid::Uuid;

use crate::receiver::{Received, Receiver, Reply};
use crate::world::{OneHolder, World, eventually};

fn verifies(secret: &str, message: &Received) -> bool {
    let webhook = Webhook::new(secret).expect("a secret");
    webhook.verify(&message.body, &message.headers).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_signed_in_order_and_as_they_are_in_the_log() {
    let world = World::new().await;
    world.append(1, &["SessionCreated"]).await;
    let running = world.run("a");
    let receiver = Receiver::new([]).await;
    let (id, secret) = running.add(&receiver.url).await;
    assert!(secret.starts_with("whsec_"), "{secret}");
    world
        .append(1, &["SessionStarted", "SessionCompleted"])
        .await;
    world.append(2, &["SessionCreated"]).await;
    let messages = receiver.has(3).await;
    for (message, position) in messages.iter().zip(2..) {
        assert!(verifies(&secret, message), "{message:?}");
        assert!(!verifies("whsec_AAAA", message));
        let event = world.log.read_all(position - 1, 1).await.expect("read");
        let body = message.json();
        assert_eq!(body["type"], event[0].event_type);
        assert_eq!(body["data"], json!(*event[0]));
        assert_eq!(body["timestamp"], json!(event[0].recorded_at));
        let expected = format!("msg_{}_{position}", id.simple());
        assert_eq!(message.header("webhook-id"), expected);
        assert_eq!(message.header("content-type"), "application/json");
    }
    let status = running.until(id, |it| it.subscription.cursor == 4).await;
    assert_eq!((status.head, status.dead_letters), (4, 0));
    assert!(status.subscription.last_success_at.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_picks_by_name_and_by_owner_and_passes_over_the_rest() {
    let world = World::new().await;
    let running = world.run("a");
    let receiver = Receiver::new([]).await;
    let filter = EventFilter {
        types: vec!["SessionCompleted".to_owned(), "SessionFailed".to_owned()],
        sessions: vec![SessionId(Uuid::from_u128(2))],
        ..EventFilter::default()
    };
    let (id, _) = running.add_with(&receiver.url, filter).await;
    world
        .append(1, &["SessionCreated", "SessionCompleted"])
        .await;
    world.append(2, &["SessionCreated", "SessionFailed"]).await;
    world.append(1, &["SessionFailed", "SessionStarted"]).await;
    // What it passes over counts as done.
    running.until(id, |it| it.subscription.cursor == 6).await;
    assert_eq!(receiver.positions(1).await, [4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_secret_signs_beside_the_new_one_until_its_time_is_over() {
    let world = World::new().await;
    let running = world.run("a");
    let receiver = Receiver::new([]).await;
    let (id, old) = running.add(&receiver.url).await;
    let minute = Duration::minutes(1);
    let (_, new) = running
        .webhooks
        .rotate_secret(id, minute)
        .await
        .expect("rotated");
    world.append(1, &["SessionCreated"]).await;
    let first = receiver.has(1).await.remove(0);
    assert!(verifies(&old, &first) && verifies(&new, &first));
    assert_eq!(first.header("webhook-signature").split(' ').count(), 2);
    world.clock.advance(minute);
    world.append(1, &["SessionStarted"]).await;
    let second = receiver.has(2).await.remove(1);
    assert!(!verifies(&old, &second) && verifies(&new, &second));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_in_the_middle_leaves_nothing_out() {
    let world = World::new().await;
    let running = world.run("a");
    let receiver = Receiver::new([Reply::Status(200), Reply::Hang]).await;
    running.add(&receiver.url).await;
    world
        .append(1, &["SessionCreated", "SessionStarted", "SessionFailed"])
        .await;
    receiver.has(2).await;
    running.crash().await;
    let _running = world.run("b");
    let messages = receiver.has(4).await;
    let positions: Vec<_> = messages.iter().map(Received::position).collect();
    assert_eq!(
        positions,
        [1, 2, 2, 3],
        "again what was under way, and nothing else"
    );
    let id = |place: usize| messages[place].header("webhook-id");
    assert_eq!(id(1), id(2), "the same message");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_delivers_and_another_goes_on_where_it_ended() {
    let mut world = World::new().await;
    world.leases = Arc::new(OneHolder::default());
    let first = world.run("a");
    let receiver = Receiver::new([]).await;
    first.add(&receiver.url).await;
    world.append(1, &["SessionCreated"]).await;
    receiver.has(1).await;
    let second = world.run("b");
    world.append(1, &["SessionStarted"]).await;
    receiver.has(2).await;
    first.end().await;
    world.append(1, &["SessionFailed"]).await;
    assert_eq!(receiver.positions(3).await, [1, 2, 3]);
    let holder = eventually(async || world.leases.holder("webhooks").await.expect("asked")).await;
    assert_eq!(holder, "b");
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_slow_delays_no_other() {
    let world = World::new().await;
    let running = world.run("a");
    let slow = Receiver::new([Reply::Hang]).await;
    let quick = Receiver::new([]).await;
    running.add(&slow.url).await;
    running.add(&quick.url).await;
    world.append(1, &["SessionCreated"]).await;
    slow.has(1).await;
    world.append(1, &["SessionStarted", "SessionFailed"]).await;
    assert_eq!(quick.positions(3).await, [1, 2, 3]);
    assert_eq!(slow.received().len(), 1, "it has its first message still");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paused_gets_nothing_and_later_all_of_it() {
    let world = World::new().await;
    let running = world.run("a");
    let (paused, other) = (Receiver::new([]).await, Receiver::new([]).await);
    let (id, _) = running.add(&paused.url).await;
    running.add(&other.url).await;
    let set = |active| WebhookChange {
        active: Some(active),
        ..WebhookChange::default()
    };
    let status = running
        .webhooks
        .change(id, &set(false))
        .await
        .expect("paused");
    assert_eq!(status.subscription.state, State::Paused);
    world.append(1, &["SessionCreated", "SessionStarted"]).await;
    other.has(2).await;
    // The course has looked at its state at the latest when it took an event.
    running
        .webhooks
        .change(id, &set(true))
        .await
        .expect("active");
    assert_eq!(paused.positions(2).await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_has_no_end_is_not_read_to_its_end() {
    let mut world = World::new().await;
    world.send.timeout = StdDuration::from_secs(30);
    let running = world.run("a");
    let receiver = Receiver::new([Reply::Long(50_000_000), Reply::Long(10)]).await;
    let (id, _) = running.add(&receiver.url).await;
    world.append(1, &["SessionCreated", "SessionStarted"]).await;
    running.until(id, |it| it.subscription.cursor == 2).await;
    assert_eq!(receiver.positions(2).await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_removed_gets_nothing_more() {
    let world = World::new().await;
    let running = world.run("a");
    let (gone, other) = (Receiver::new([]).await, Receiver::new([]).await);
    let (id, _) = running.add(&gone.url).await;
    running.add(&other.url).await;
    running.webhooks.remove(id).await.expect("removed");
    let (late, _) = running.add(&gone.url).await;
    world.append(1, &["SessionCreated"]).await;
    other.has(1).await;
    let messages = gone.has(1).await;
    let of = |message: &Received, id: Uuid| {
        message
            .header("webhook-id")
            .contains(&id.simple().to_string())
    };
    assert!(messages.iter().any(|message| of(message, late)));
}
