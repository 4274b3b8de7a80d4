//! Publishing into the feed: in order, once, by one at a time.

use std::time::Duration;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream;
use countersign_messaging::nats::{FeedSettings, NatsFeed, Storage};
use countersign_messaging::{EventFeed, FeedError, LocalBus};
use countersign_test_servers::Nats;

use crate::support::{bus, context, event, events, feed, has_all, relay, stored, within};

/// What holds for every feed.
async fn it_takes_events_in_order_from_one_relay(one: &dyn EventFeed, two: &dyn EventFeed) {
    assert_eq!(one.last().await.unwrap(), None);
    one.publish(None, &events(1..=3)).await.unwrap();
    assert_eq!(one.last().await.unwrap(), Some(3));
    assert_eq!(two.last().await.unwrap(), Some(3));
    two.publish(Some(3), &events(4..=5)).await.unwrap();
    for after in [None, Some(3), Some(4), Some(9)] {
        let rival = one.publish(after, &[event(100)]).await;
        assert!(
            matches!(rival, Err(FeedError::Overtaken { last: 5 })),
            "{after:?}: {rival:?}"
        );
    }
    one.publish(Some(5), &events(6..=2000)).await.unwrap();
    assert_eq!(two.last().await.unwrap(), Some(2000));
}

#[tokio::test]
async fn the_local_feed() {
    let bus = LocalBus::new();
    within(it_takes_events_in_order_from_one_relay(&bus, &bus)).await;
    assert!(!bus.keeps());
}

#[tokio::test]
async fn the_feed_of_nats() {
    let server = Nats::start().unwrap();
    let (one, two) = (feed(&server).await, feed(&server).await);
    within(it_takes_events_in_order_from_one_relay(&one, &two)).await;
    assert!(one.keeps());
    has_all(&server, 2000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_that_race_neither_interleave_nor_repeat() {
    let server = Nats::start().unwrap();
    let feeds = [
        feed(&server).await,
        feed(&server).await,
        feed(&server).await,
    ];
    let [one, two, three] = &feeds;
    within(async {
        tokio::join!(
            relay(one, 7, 1500),
            relay(two, 64, 1500),
            relay(three, 300, 1500)
        )
    })
    .await;
    has_all(&server, 1500).await;
}

#[tokio::test]
async fn a_restarted_server_knows_where_the_feed_is() {
    let mut server = Nats::start().unwrap();
    let first = feed(&server).await;
    first.publish(None, &events(1..=10)).await.unwrap();
    server.stop();
    server.resume().unwrap();
    let second = feed(&server).await;
    assert_eq!(second.last().await.unwrap(), Some(10));
    within(relay(&first, 5, 15)).await;
    within(relay(&second, 5, 20)).await;
    has_all(&server, 20).await;
}

/// As the relay of the version before published.
#[tokio::test]
async fn a_feed_whose_positions_are_message_ids_goes_on() {
    let server = Nats::start().unwrap();
    let feed = feed(&server).await;
    let context = context(&server).await;
    for position in 1..=3 {
        let message = PublishMessage::build().message_id(position.to_string());
        let subject = event(position).subject;
        let sent = context.send_publish(subject, message).await;
        sent.unwrap().await.unwrap();
    }
    assert_eq!(feed.last().await.unwrap(), Some(3));
    feed.publish(Some(3), &events(4..=6)).await.unwrap();
    assert_eq!(feed.last().await.unwrap(), Some(6));
    // Such a relay that still runs does not get in between by an id of before.
    for expected in ["3", "6"] {
        let message = PublishMessage::build()
            .message_id("7")
            .expected_last_message_id(expected);
        let sent = context.send_publish(event(7).subject, message).await;
        let refused = sent.unwrap().await.unwrap_err();
        assert_eq!(refused.kind(), PublishErrorKind::WrongLastMessageId);
    }
}

#[tokio::test]
async fn a_feed_whose_events_are_gone_goes_on_where_it_was() {
    let server = Nats::start().unwrap();
    let first = feed(&server).await;
    first.publish(None, &events(1..=5)).await.unwrap();
    let context = context(&server).await;
    let stream = context.get_stream("CS_EVENTS").await.unwrap();
    stream.purge().await.unwrap();
    for feed in [first, feed(&server).await] {
        let last = feed.last().await.unwrap().unwrap();
        assert!(last >= 5, "{last}");
        feed.publish(Some(last), &[event(last + 1)]).await.unwrap();
    }
    assert_eq!(stored(&server).await, [6, 7]);
}

#[tokio::test]
async fn a_stream_that_was_removed_gets_everything_again() {
    let server = Nats::start().unwrap();
    let feed = feed(&server).await;
    feed.publish(None, &events(1..=5)).await.unwrap();
    context(&server)
        .await
        .delete_stream("CS_EVENTS")
        .await
        .unwrap();
    within(relay(&feed, 3, 8)).await;
    has_all(&server, 8).await;
}

#[tokio::test]
async fn what_no_relay_published_is_passed_over() {
    let server = Nats::start().unwrap();
    let first = feed(&server).await;
    first.publish(None, &events(1..=2)).await.unwrap();
    let context = context(&server).await;
    for _ in 0..2 {
        let sent = context.publish("cs.v1.events.nonsense", "x".into()).await;
        sent.unwrap().await.unwrap();
    }
    let second = feed(&server).await;
    assert_eq!(second.last().await.unwrap(), Some(2));
    // It has seen nothing of what came between.
    first.publish(Some(2), &events(3..=4)).await.unwrap();
    assert_eq!(second.last().await.unwrap(), Some(4));
    second.publish(Some(4), &events(5..=6)).await.unwrap();
    let rival = first.publish(Some(4), &events(5..=5)).await;
    assert!(
        matches!(rival, Err(FeedError::Overtaken { last: 6 })),
        "{rival:?}"
    );
}

#[tokio::test]
async fn settings_that_differ_update_the_stream() {
    let server = Nats::start().unwrap();
    let bus = bus(&server).await;
    NatsFeed::open(&bus, FeedSettings::default()).await.unwrap();
    let settings = FeedSettings {
        max_age: Duration::from_secs(3600),
        max_bytes: 10_000_000,
        ..FeedSettings::default()
    };
    NatsFeed::open(&bus, settings.clone()).await.unwrap();
    NatsFeed::open(&bus, settings).await.unwrap();
    let mut stream = context(&server)
        .await
        .get_stream("CS_EVENTS")
        .await
        .unwrap();
    let config = &stream.info().await.unwrap().config;
    assert_eq!(config.max_age, Duration::from_secs(3600));
    assert_eq!(config.max_bytes, 10_000_000);
    assert_eq!(config.subjects, ["cs.v1.events.>"]);
}

#[tokio::test]
async fn a_stream_that_cannot_be_used_is_refused_in_words() {
    let server = Nats::start().unwrap();
    let bus = bus(&server).await;
    let context = context(&server).await;
    let made = stream::Config {
        name: "CS_EVENTS".to_owned(),
        subjects: vec!["cs.v1.events.>".to_owned()],
        retention: stream::RetentionPolicy::WorkQueue,
        ..stream::Config::default()
    };
    context.create_stream(made).await.unwrap();
    let refused = |settings| async { NatsFeed::open(&bus, settings).await.unwrap_err() };
    let error = refused(FeedSettings::default()).await.to_string();
    assert!(error.contains("drops events"), "{error}");

    context.delete_stream("CS_EVENTS").await.unwrap();
    NatsFeed::open(&bus, FeedSettings::default()).await.unwrap();
    let memory = FeedSettings {
        storage: Storage::Memory,
        ..FeedSettings::default()
    };
    let error = refused(memory).await.to_string();
    assert!(error.contains("a stream cannot be moved"), "{error}");

    context.delete_stream("CS_EVENTS").await.unwrap();
    let other = stream::Config {
        name: "OTHER".to_owned(),
        subjects: vec!["cs.>".to_owned()],
        ..stream::Config::default()
    };
    context.create_stream(other).await.unwrap();
    let error = refused(FeedSettings::default()).await.to_string();
    assert!(error.contains("another stream"), "{error}");
}
