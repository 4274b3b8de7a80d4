//! Following the feed by name.

use async_nats::jetstream::consumer::{Consumer, pull};
use countersign_messaging::nats::{FeedSettings, NatsBus, NatsFeed};
use countersign_messaging::{EventFeed as _, FeedError, FeedEvent, Subscription};
use countersign_test_servers::Nats;
use futures::StreamExt as _;
use futures::future::join_all;

use crate::support::{bus, context, event, events, feed, next, relay, until, within};

const STARTED: &str = "cs.v1.events.session.SessionStarted.*";
const ENDED: &str = "cs.v1.events.session.SessionEnded.*";

async fn follow(feed: &NatsFeed, subjects: &[&str]) -> Subscription {
    let subjects: Vec<_> = subjects.iter().map(ToString::to_string).collect();
    within(feed.follow("party-alpha", &subjects)).await.unwrap()
}

/// Takes events until `last` came; their positions, each once.
async fn taken(followed: &mut Subscription, last: u64) -> Vec<u64> {
    let mut positions = std::collections::BTreeSet::new();
    while !positions.contains(&last) {
        positions.extend(next(followed).await.headers.position());
    }
    positions.into_iter().collect()
}

#[tokio::test]
async fn a_follower_begins_with_what_comes_and_goes_on_where_it_left_off() {
    let server = Nats::start().unwrap();
    let feed = feed(&server).await;
    feed.publish(None, &events(1..=3)).await.unwrap();
    let mut followed = follow(&feed, &[STARTED]).await;
    feed.publish(Some(3), &events(4..=6)).await.unwrap();
    for position in 4..=6 {
        let message = next(&mut followed).await;
        assert_eq!(message.headers.position(), Some(position));
        assert_eq!(message.payload, position.to_string());
        assert_eq!(message.headers.traceparent(), Some("00-1-2-01"));
        assert_eq!(message.headers.iter().count(), 2);
    }
    drop(followed);
    feed.publish(Some(6), &events(7..=9)).await.unwrap();
    let mut again = follow(&NatsFeed::attach(&bus(&server).await), &[STARTED]).await;
    // What it had in hand, or had handled a moment before, may come again.
    let positions = taken(&mut again, 9).await;
    assert!(positions.ends_with(&[7, 8, 9]), "{positions:?}");
    assert!(positions[0] >= 4, "{positions:?}");
}

#[tokio::test]
async fn what_a_follower_has_not_handled_comes_to_the_next_one() {
    let server = Nats::start().unwrap();
    let feed = feed(&server).await;
    let mut followed = follow(&feed, &[STARTED]).await;
    feed.publish(None, &events(1..=3)).await.unwrap();
    // All three were delivered, one was handed over.
    assert_eq!(next(&mut followed).await.headers.position(), Some(1));
    drop(followed);
    feed.publish(Some(3), &events(4..=4)).await.unwrap();
    let mut again = follow(&NatsFeed::attach(&bus(&server).await), &[STARTED]).await;
    let positions = taken(&mut again, 4).await;
    assert!(positions.ends_with(&[2, 3, 4]), "{positions:?}");
}

#[tokio::test]
async fn what_was_handled_is_acknowledged_though_nothing_follows() {
    let server = Nats::start().unwrap();
    let feed = feed(&server).await;
    let mut followed = follow(&feed, &[STARTED]).await;
    feed.publish(None, &events(1..=3)).await.unwrap();
    for position in 1..=3 {
        assert_eq!(next(&mut followed).await.headers.position(), Some(position));
    }
    // It waits for the next: the third was handled.
    let waiting = tokio::spawn(async move { followed.next().await.is_some() });
    acknowledged(&server, 3).await;
    waiting.abort();
}

#[tokio::test]
async fn a_delivery_that_did_not_arrive_comes_again_before_what_follows_it() {
    let server = Nats::start().unwrap();
    let feed = feed(&server).await;
    let mut followed = follow(&feed, &[STARTED]).await;
    // Somebody else asks the same consumer for one event, before the follower does.
    let consumer: Consumer<pull::Config> = context(&server)
        .await
        .get_consumer_from_stream("party-alpha", "CS_EVENTS")
        .await
        .unwrap();
    let waiting = || async { consumer.clone().info().await.unwrap().num_waiting };
    assert_eq!(waiting().await, 0);
    let asked = consumer.stream().max_messages_per_batch(1).messages();
    let mut elsewhere = asked.await.unwrap();
    let lost = tokio::spawn(async move { elsewhere.next().await.is_some() });
    until(|| async { waiting().await == 1 }).await;
    feed.publish(None, &events(1..=6)).await.unwrap();
    assert_eq!(taken(&mut followed, 6).await, [1, 2, 3, 4, 5, 6]);
    assert!(within(lost).await.unwrap());
}

/// Until the follower has acknowledged all up to this sequence.
async fn acknowledged(server: &Nats, sequence: u64) {
    let context = context(server).await;
    until(|| async {
        let consumer = context
            .get_consumer_from_stream::<pull::Config, _, _>("party-alpha", "CS_EVENTS")
            .await;
        consumer.is_ok_and(|it| it.cached_info().ack_floor.stream_sequence == sequence)
    })
    .await;
}

#[tokio::test]
async fn a_consumer_that_was_made_anew_hears_nothing_of_the_one_before() {
    let server = Nats::start().unwrap();
    let feed = feed(&server).await;
    let mut followed = follow(&feed, &[STARTED]).await;
    feed.publish(None, &events(1..=9)).await.unwrap();
    assert_eq!(taken(&mut followed, 9).await.len(), 9);
    let stream = context(&server)
        .await
        .get_stream("CS_EVENTS")
        .await
        .unwrap();
    stream.delete_consumer("party-alpha").await.unwrap();
    let following = tokio::spawn(async move {
        let positions = taken(&mut followed, 12).await;
        // It waits for the next: all were handled.
        (positions, followed.next().await.is_some())
    });
    until(|| async {
        let consumer: Result<_, _> = stream.consumer_info("party-alpha").await;
        consumer.is_ok()
    })
    .await;
    // The new one counts its deliveries from 1, and nine were counted before.
    feed.publish(Some(9), &events(10..=12)).await.unwrap();
    acknowledged(&server, 12).await;
    following.abort();
}

#[tokio::test]
async fn only_the_subjects_that_are_followed_come() {
    let server = Nats::start().unwrap();
    let feed = feed(&server).await;
    let mut followed = follow(&feed, &[STARTED, ENDED]).await;
    let mut published = events(1..=6);
    let rename = |event: &mut FeedEvent, name: &str| {
        event.subject = event.subject.replace("session.SessionStarted", name);
    };
    rename(&mut published[1], "session.ParticipantJoined");
    rename(&mut published[2], "session.SessionEnded");
    rename(&mut published[4], "key.SessionStarted");
    feed.publish(None, &published).await.unwrap();
    assert_eq!(taken(&mut followed, 6).await, [1, 3, 4, 6]);
}

#[tokio::test]
async fn a_follower_may_be_there_before_the_stream() {
    let server = Nats::start().unwrap();
    let follower = NatsFeed::attach(&bus(&server).await);
    let mut followed = follow(&follower, &[STARTED]).await;
    let feed = feed(&server).await;
    feed.publish(None, &events(1..=3)).await.unwrap();
    assert_eq!(taken(&mut followed, 3).await, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_outlives_a_restart_of_the_server() {
    let mut server = Nats::start().unwrap();
    let feed = feed(&server).await;
    let mut followed = follow(&NatsFeed::attach(&bus(&server).await), &[STARTED]).await;
    feed.publish(None, &events(1..=3)).await.unwrap();
    assert_eq!(taken(&mut followed, 3).await, [1, 2, 3]);
    server.stop();
    server.resume().unwrap();
    within(relay(&feed, 2, 8)).await;
    let positions = taken(&mut followed, 8).await;
    assert!(positions.ends_with(&[4, 5, 6, 7, 8]), "{positions:?}");
}

#[tokio::test]
async fn a_consumer_that_was_deleted_is_made_again_and_nothing_is_missed() {
    let server = Nats::start().unwrap();
    let feed = feed(&server).await;
    let mut followed = follow(&feed, &[STARTED]).await;
    feed.publish(None, &events(1..=2)).await.unwrap();
    assert_eq!(taken(&mut followed, 2).await, [1, 2]);
    let client = async_nats::connect(server.url()).await.unwrap();
    let stream = async_nats::jetstream::new(client)
        .get_stream("CS_EVENTS")
        .await
        .unwrap();
    stream.delete_consumer("party-alpha").await.unwrap();
    feed.publish(Some(2), &events(3..=5)).await.unwrap();
    assert_eq!(taken(&mut followed, 5).await, [3, 4, 5]);
}

#[tokio::test]
async fn a_follower_of_other_subjects_is_changed() {
    let server = Nats::start().unwrap();
    let feed = feed(&server).await;
    let mut one = follow(&feed, &[STARTED]).await;
    feed.publish(None, &[event(1)]).await.unwrap();
    assert_eq!(taken(&mut one, 1).await, [1]);
    drop(one);
    let mut two = follow(&feed, &[STARTED, ENDED]).await;
    feed.publish(Some(1), &events(2..=3)).await.unwrap();
    assert!(taken(&mut two, 3).await.ends_with(&[2, 3]));
}

#[tokio::test]
async fn following_ends_with_the_connection() {
    let server = Nats::start().unwrap();
    let bus = bus(&server).await;
    let feed = NatsFeed::attach(&bus);
    let mut followed = follow(&feed, &[STARTED]).await;
    bus.close().await;
    assert!(within(followed.next()).await.is_none());
}

/// A server (2.9) that is still setting a stream up may give a consumer that never
/// sends anything, and may not answer for a while. One round meets that in about one
/// run of fifty on a busy machine.
#[tokio::test(flavor = "multi_thread")]
async fn followers_that_begin_while_the_stream_is_made_miss_nothing() {
    let names = ["party-alpha", "party-bravo", "party-carol"];
    for round in 0..5 {
        let server = Nats::start().unwrap();
        let replicas = [bus(&server).await, bus(&server).await];
        let mut parties = Vec::new();
        for _ in names {
            parties.push(bus(&server).await);
        }
        let following = join_all(parties.iter().zip(names).map(|(bus, name)| async move {
            let subjects = [STARTED.to_owned()];
            NatsFeed::attach(bus).follow(name, &subjects).await.unwrap()
        }));
        let making = join_all(replicas.iter().map(opened));
        let (feeds, following) = within(futures::future::join(making, following)).await;
        relay(&feeds[0], 1, 3).await;
        for (mut followed, name) in following.into_iter().zip(names) {
            let positions = taken(&mut followed, 3).await;
            assert!(
                positions.ends_with(&[3]),
                "{round}: {name} has {positions:?}"
            );
        }
    }
}

async fn opened(bus: &NatsBus) -> NatsFeed {
    loop {
        match NatsFeed::open(bus, FeedSettings::default()).await {
            Ok(feed) => return feed,
            Err(error) => assert!(matches!(error, FeedError::Silent(_)), "{error}"),
        }
    }
}
