//! Servers, connections and events for the tests.

use std::time::Duration;

use countersign_messaging::nats::{FeedSettings, NatsBus, NatsConfig, NatsFeed};
use countersign_messaging::{EventFeed as _, FeedEvent, Headers, Message, Payload, Subscription};
use countersign_test_servers::Nats;

/// Long enough never to pass in a test that succeeds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("within a minute")
}

/// Asks until `check` holds.
pub(crate) async fn until<F: Future<Output = bool>>(mut check: impl FnMut() -> F) {
    within(async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

pub(crate) async fn bus(server: &Nats) -> NatsBus {
    NatsBus::connect(&NatsConfig::new([server.url()]))
        .await
        .expect("a connection")
}

pub(crate) async fn context(server: &Nats) -> async_nats::jetstream::Context {
    async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap())
}

pub(crate) async fn feed(server: &Nats) -> NatsFeed {
    NatsFeed::open(&bus(server).await, FeedSettings::default())
        .await
        .expect("a feed")
}

pub(crate) fn event(position: u64) -> FeedEvent {
    FeedEvent {
        position,
        subject: format!("cs.v1.events.session.SessionStarted.s{position}"),
        payload: Payload::from(position.to_string()),
        headers: Headers::new()
            .with_position(position)
            .with_traceparent("00-1-2-01"),
    }
}

pub(crate) fn events(positions: std::ops::RangeInclusive<u64>) -> Vec<FeedEvent> {
    positions.map(event).collect()
}

pub(crate) async fn next(subscription: &mut Subscription) -> Message {
    within(subscription.next()).await.expect("the bus is up")
}

/// Everything in the feed, as a follower sees it who begins at its beginning.
pub(crate) async fn stored(server: &Nats) -> Vec<u64> {
    let context = context(server).await;
    let mut stream = context.get_stream("CS_EVENTS").await.unwrap();
    let state = stream.info().await.unwrap().state.clone();
    let mut positions = Vec::new();
    for sequence in state.first_sequence..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let position = message.headers.get("Cs-Position").unwrap();
        positions.push(position.as_str().parse().unwrap());
    }
    positions
}

/// Checks that the feed has every event up to `last` once and in order; prints the
/// first place where it has not.
pub(crate) async fn has_all(server: &Nats, last: u64) {
    let positions = stored(server).await;
    let wrong = positions.iter().zip(1..).find(|(is, ought)| *is != ought);
    assert_eq!(wrong, None);
    assert_eq!(positions.last(), Some(&last));
}

/// What publishes as a relay does: asks the feed where it is, and goes on there.
pub(crate) async fn relay(feed: &NatsFeed, batch: u64, to: u64) {
    loop {
        let Ok(last) = feed.last().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let from = last.unwrap_or(0);
        if from >= to {
            return;
        }
        let _ = feed
            .publish(last, &events(from + 1..=to.min(from + batch)))
            .await;
    }
}
