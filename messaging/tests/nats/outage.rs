//! The server away for a while.

use std::time::{Duration, Instant};

use countersign_messaging::nats::{NatsBus, NatsConfig};
use countersign_messaging::{Bus as _, BusError, EventFeed as _, FeedError, Headers, Payload};
use countersign_test_servers::Nats;

use crate::support::{bus, events, feed, has_all, next, relay, until, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_while_the_server_comes_and_goes_arrives_once_and_in_order() {
    const EVENTS: u64 = 20_000;
    let mut server = Nats::start().unwrap();
    let feed = feed(&server).await;
    let relaying = tokio::spawn(async move { relay(&feed, 512, EVENTS).await });
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.stop();
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.resume().unwrap();
    }
    within(relaying).await.unwrap();
    has_all(&server, EVENTS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_server_everything_fails_soon_and_nothing_waits_for_ever() {
    let mut server = Nats::start().unwrap();
    let mut config = NatsConfig::new([server.url()]);
    config.send_timeout = Duration::from_millis(200);
    let bus = NatsBus::connect(&config).await.unwrap();
    let mut connected = bus.connected();
    assert!(bus.is_connected());
    let feed = feed(&server).await;
    let mut subscription = bus.subscribe("s").await.unwrap();
    server.stop();
    within(connected.wait_for(|connected| !connected))
        .await
        .unwrap();
    assert!(!bus.is_connected());

    let begun = Instant::now();
    // More than a client would buffer.
    let published = (0..3000).map(|_| bus.publish("s", Payload::new(), Headers::new()));
    for published in within(futures::future::join_all(published)).await {
        assert!(
            matches!(published, Err(BusError::Connection(_))),
            "{published:?}"
        );
    }
    let minute = Duration::from_secs(60);
    let asked = within(bus.request("s", Payload::new(), minute)).await;
    assert!(matches!(asked, Err(BusError::Connection(_))), "{asked:?}");
    let last = within(feed.publish(None, &events(1..=1))).await;
    assert!(
        matches!(last, Err(FeedError::Bus(BusError::Connection(_)))),
        "{last:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(30));

    server.resume().unwrap();
    within(connected.wait_for(|connected| *connected))
        .await
        .unwrap();
    // The subscription is made again with the connection, a moment later.
    let other = crate::support::bus(&server).await;
    let again = async {
        loop {
            other
                .publish("s", "again".into(), Headers::new())
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = again => {}
        message = next(&mut subscription) => assert_eq!(&message.payload[..], b"again"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_yet_may_be_waited_for() {
    let mut server = Nats::start().unwrap();
    server.stop();
    let mut config = NatsConfig::new([server.url()]);
    config.send_timeout = Duration::from_millis(100);
    config.retry_on_initial_connect = true;
    let early = within(NatsBus::connect(&config)).await.unwrap();
    assert!(!early.is_connected());
    let mut subscription = within(early.subscribe("s")).await.unwrap();
    server.resume().unwrap();
    until(|| async { early.is_connected() }).await;
    let bus = bus(&server).await;
    let publishing = async {
        loop {
            bus.publish("s", "1".into(), Headers::new()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = publishing => {}
        message = next(&mut subscription) => assert_eq!(&message.payload[..], b"1"),
    }
}

#[tokio::test]
async fn a_slow_subscriber_loses_messages_and_holds_nobody_up() {
    let server = Nats::start().unwrap();
    let mut config = NatsConfig::new([server.url()]);
    config.subscription_capacity = 2;
    let slow = NatsBus::connect(&config).await.unwrap();
    let mut behind = slow.subscribe("s").await.unwrap();
    let mut other = slow.subscribe("end").await.unwrap();
    let publisher = bus(&server).await;
    for number in 0..100 {
        let payload = Payload::from(number.to_string());
        publisher
            .publish("s", payload, Headers::new())
            .await
            .unwrap();
    }
    let end = publisher.publish("end", "end".into(), Headers::new());
    end.await.unwrap();
    assert_eq!(&next(&mut other).await.payload[..], b"end");
    for number in ["0", "1"] {
        assert_eq!(&next(&mut behind).await.payload[..], number.as_bytes());
    }
    let later = publisher.publish("s", "later".into(), Headers::new());
    later.await.unwrap();
    assert_eq!(&next(&mut behind).await.payload[..], b"later");
}
