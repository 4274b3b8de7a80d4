//! What happens when a receiver does not take a message.

use std::time::Duration as StdDuration;

use chrono::Duration;
use countersign_webhooks::{Clock as _, NewWebhook, State, Status, WebhookChange, WebhookError};
use tokio::net::TcpListener;

use crate::receiver::{Receiver, Reply};
use crate::world::World;

fn attempts(status: &Status) -> u32 {
    status.subscription.pending.map_or(0, |it| it.attempts)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_sent_again_later_and_what_follows_waits_for_it() {
    let world = World::new().await;
    let running = world.run("a");
    let receiver = Receiver::new([Reply::Status(500), Reply::Status(503)]).await;
    let (id, _) = running.add(&receiver.url).await;
    world.append(1, &["SessionCreated", "SessionStarted"]).await;
    let status = running.until(id, |it| attempts(it) == 1).await;
    let pending = status.subscription.pending.expect("pending");
    let wait = pending.next_attempt_at - world.clock.now();
    assert!(
        wait >= Duration::minutes(1) && wait <= Duration::seconds(72),
        "{wait}"
    );
    let error = status.subscription.last_error.expect("an error");
    assert_eq!(error.position, 1);
    assert!(error.detail.contains("500"), "{error:?}");
    assert_eq!(status.subscription.cursor, 0);

    world.clock.advance(Duration::seconds(72));
    let status = running.until(id, |it| attempts(it) == 2).await;
    let pending = status.subscription.pending.expect("pending");
    let wait = pending.next_attempt_at - world.clock.now();
    assert!(wait >= Duration::minutes(10), "it backs off: {wait}");
    world.clock.advance(Duration::minutes(12));
    let status = running.until(id, |it| it.subscription.cursor == 2).await;
    assert_eq!(receiver.positions(4).await, [1, 1, 1, 2]);
    assert_eq!(status.subscription.last_error, None);
    let all = receiver.received();
    let id = |place: usize| all[place].header("webhook-id");
    assert!(id(0) == id(1) && id(1) == id(2) && id(2) != id(3));
    let stamp = |place: usize| all[place].header("webhook-timestamp");
    assert_ne!(stamp(0), stamp(1), "each attempt is signed anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_receiver_asks_for_is_waited() {
    let world = World::new().await;
    let running = world.run("a");
    let later = Reply::With(429, "retry-after", "1800".to_owned());
    let receiver = Receiver::new([later]).await;
    let (id, _) = running.add(&receiver.url).await;
    world.append(1, &["SessionCreated"]).await;
    let status = running.until(id, |it| attempts(it) == 1).await;
    let pending = status.subscription.pending.expect("pending");
    let wait = pending.next_attempt_at - world.clock.now();
    assert_eq!(wait, Duration::minutes(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_is_due_later_is_due_then_after_a_restart_too() {
    let world = World::new().await;
    let running = world.run("a");
    let receiver = Receiver::new([Reply::Status(500)]).await;
    let (id, _) = running.add(&receiver.url).await;
    world.append(1, &["SessionCreated"]).await;
    let before = running.until(id, |it| attempts(it) == 1).await;
    running.end().await;
    let running = world.run("b");
    let other = Receiver::new([]).await;
    running.add(&other.url).await;
    world.append(1, &["SessionStarted"]).await;
    other.has(1).await;
    let now = running.webhooks.get(id).await.expect("there");
    assert_eq!(now.subscription.pending, before.subscription.pending);
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_never_taken_is_set_aside_and_can_be_sent_again() {
    let world = World::new().await;
    let running = world.run("a");
    let replies = [500, 500, 502, 200, 404].map(Reply::Status);
    let receiver = Receiver::new(replies).await;
    let (id, _) = running.add(&receiver.url).await;
    world.append(1, &["SessionCreated", "SessionStarted"]).await;
    for attempt in 1..=2 {
        running.until(id, |it| attempts(it) == attempt).await;
        world.clock.advance(Duration::minutes(12));
    }
    let status = running.until(id, |it| it.subscription.cursor == 2).await;
    assert_eq!(status.dead_letters, 1);
    assert_eq!(status.subscription.state, State::Active);
    assert_eq!(status.subscription.dead_letters_in_a_row, 0);
    let letters = running.webhooks.dead_letters(id, 0, 9).await.expect("them");
    assert_eq!(letters[0].position, 1);
    assert_eq!(
        (letters[0].attempts, &*letters[0].event_type),
        (3, "SessionCreated")
    );
    assert!(letters[0].error.contains("502"), "{letters:?}");
    assert_eq!(receiver.positions(4).await, [1, 1, 1, 2]);

    let tried = running.webhooks.redeliver(id, 1).await.expect("tried");
    assert_eq!((tried.delivered, tried.status), (false, Some(404)));
    let letters = running.webhooks.dead_letters(id, 0, 9).await.expect("them");
    assert_eq!(letters[0].attempts, 4);
    let tried = running.webhooks.redeliver(id, 1).await.expect("tried");
    assert!(tried.delivered);
    let left = running.webhooks.dead_letters(id, 0, 9).await.expect("them");
    assert!(left.is_empty());
    let none = running.webhooks.redeliver(id, 1).await;
    assert!(matches!(none, Err(WebhookError::NoDeadLetter(1))));
    let all = receiver.received();
    assert_eq!(all[0].header("webhook-id"), all[5].header("webhook-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_takes_nothing_is_disabled_and_can_be_resumed() {
    let mut world = World::new().await;
    world.schedule.delays.clear();
    let running = world.run("a");
    let receiver = Receiver::new([500, 500].map(Reply::Status)).await;
    let (id, _) = running.add(&receiver.url).await;
    let names = ["SessionCreated", "SessionStarted", "SessionFailed"];
    world.append(1, &names).await;
    let disabled = |it: &Status| it.subscription.state == State::Disabled;
    let status = running.until(id, disabled).await;
    assert_eq!((status.subscription.cursor, status.dead_letters), (2, 2));
    let reason = status.subscription.reason.expect("a reason");
    assert!(reason.contains("2 events in a row"), "{reason}");
    let resume = WebhookChange {
        active: Some(true),
        ..WebhookChange::default()
    };
    running.webhooks.change(id, &resume).await.expect("resumed");
    let status = running.until(id, |it| it.subscription.cursor == 3).await;
    assert_eq!(
        (status.subscription.state, status.subscription.reason),
        (State::Active, None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_asked_no_more() {
    let world = World::new().await;
    let running = world.run("a");
    let receiver = Receiver::new([Reply::Status(410)]).await;
    let (id, _) = running.add(&receiver.url).await;
    world.append(1, &["SessionCreated", "SessionStarted"]).await;
    let disabled = |it: &Status| it.subscription.state == State::Disabled;
    let status = running.until(id, disabled).await;
    let reason = status.subscription.reason.expect("a reason");
    assert!(reason.contains("410"), "{reason}");
    assert_eq!((status.subscription.cursor, status.dead_letters), (0, 0));
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_a_failure_and_nobody_follows_it() {
    let world = World::new().await;
    let running = world.run("a");
    let other = Receiver::new([]).await;
    let redirects = [301, 302, 307, 308].map(|it| Reply::With(it, "location", other.url.clone()));
    let receiver = Receiver::new(redirects).await;
    let (id, _) = running.add(&receiver.url).await;
    world.append(1, &["SessionCreated"]).await;
    let status = running.until(id, |it| attempts(it) == 1).await;
    let error = status.subscription.last_error.expect("an error").detail;
    assert!(error.contains("redirects are not followed"), "{error}");
    for _ in 0..3 {
        let tried = running.webhooks.test(id).await.expect("tried");
        assert!(!tried.delivered, "{tried:?}");
    }
    assert!(other.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_and_a_closed_connection_are_failures() {
    let mut world = World::new().await;
    world.send.timeout = StdDuration::from_millis(200);
    let running = world.run("a");
    let silent = Receiver::new([Reply::Hang]).await;
    let closing = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = closing.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = closing.accept().await {
            drop(stream);
        }
    });
    let (one, _) = running.add(&silent.url).await;
    let (two, _) = running.add(&format!("http://{address}/")).await;
    world.append(1, &["SessionCreated"]).await;
    let error = |it: Status| it.subscription.last_error.expect("an error").detail;
    let said = error(running.until(one, |it| attempts(it) == 1).await);
    assert!(said.contains("no answer in 0.2 s"), "{said}");
    let said = error(running.until(two, |it| attempts(it) == 1).await);
    assert!(said.contains("the connection failed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_sends_again_from_a_position_and_goes_on() {
    let mut world = World::new().await;
    world.schedule.delays.clear();
    let running = world.run("a");
    let receiver = Receiver::new([200, 500].map(Reply::Status)).await;
    let (id, _) = running.add(&receiver.url).await;
    world
        .append(1, &["SessionCreated", "SessionStarted", "SessionFailed"])
        .await;
    let status = running.until(id, |it| it.subscription.cursor == 3).await;
    assert_eq!(status.dead_letters, 1);
    running.webhooks.replay(id, 2).await.expect("replayed");
    world.append(2, &["SessionCreated"]).await;
    let status = running.until(id, |it| it.subscription.cursor == 4).await;
    assert_eq!(receiver.positions(6).await, [1, 2, 3, 2, 3, 4]);
    assert_eq!(status.dead_letters, 0, "it has been taken");
    let beyond = running.webhooks.replay(id, 6).await;
    assert!(matches!(
        beyond,
        Err(WebhookError::BeyondHead { wanted: 6, next: 5 })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_may_begin_in_the_past() {
    let world = World::new().await;
    world
        .append(1, &["SessionCreated", "SessionStarted", "SessionFailed"])
        .await;
    let running = world.run("a");
    let receiver = Receiver::new([]).await;
    let new = NewWebhook {
        url: receiver.url.clone(),
        from: Some(2),
        ..NewWebhook::default()
    };
    running.webhooks.create(new).await.expect("made");
    assert_eq!(receiver.positions(2).await, [2, 3]);
}
