//! What the port promises, over the in-process adapter.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use countersign_messaging::{Bus, BusError, Headers, LocalBus, Payload, Subscription};
use futures::future::join_all;

/// Long enough never to pass in a test that succeeds.
const PATIENCE: Duration = Duration::from_secs(60);

async fn publish(bus: &dyn Bus, subject: &str, payload: &'static [u8]) {
    bus.publish(subject, Payload::from_static(payload), Headers::new())
        .await
        .expect("a legal subject");
}

async fn next(subscription: &mut Subscription) -> (String, Payload) {
    let message = subscription.next().await.expect("the bus is up");
    (message.subject.to_string(), message.payload)
}

#[tokio::test]
async fn a_message_reaches_every_matching_subscription_once() {
    let bus = LocalBus::new();
    let mut exact = bus.subscribe("cs.a.b").await.unwrap();
    let mut star = bus.subscribe("cs.*.b").await.unwrap();
    let mut rest = bus.subscribe("cs.>").await.unwrap();
    let mut other = bus.subscribe("cs.a.c").await.unwrap();
    publish(&bus, "cs.a.b", b"1").await;
    publish(&bus, "cs.a.c", b"2").await;
    for subscription in [&mut exact, &mut star, &mut rest] {
        let (subject, payload) = next(subscription).await;
        assert_eq!((subject.as_str(), &payload[..]), ("cs.a.b", &b"1"[..]));
    }
    assert_eq!(&next(&mut rest).await.1[..], b"2");
    assert_eq!(&next(&mut other).await.1[..], b"2");
    publish(&bus, "cs.a.b", b"3").await;
    assert_eq!(&next(&mut exact).await.1[..], b"3");
    assert_eq!(&next(&mut star).await.1[..], b"3");
}

#[tokio::test]
async fn headers_travel_and_payloads_are_shared() {
    let bus = LocalBus::new();
    let mut one = bus.subscribe("s").await.unwrap();
    let mut two = bus.subscribe("*").await.unwrap();
    let payload = Payload::from(vec![7; 1000]);
    let headers = Headers::new()
        .with_position(42)
        .with_traceparent("00-1-2-01");
    bus.publish("s", payload.clone(), headers).await.unwrap();
    for subscription in [&mut one, &mut two] {
        let message = subscription.next().await.unwrap();
        assert_eq!(message.headers.position(), Some(42));
        assert_eq!(message.headers.traceparent(), Some("00-1-2-01"));
        assert_eq!(message.payload.as_ptr(), payload.as_ptr());
    }
}

#[tokio::test]
async fn dropping_a_subscription_unsubscribes() {
    let bus = LocalBus::new();
    let kept = bus.subscribe("a.b").await.unwrap();
    let dropped = bus.subscribe("a.b").await.unwrap();
    let wild = bus.subscribe("a.*").await.unwrap();
    let served = bus.serve("a.b", "q").await.unwrap();
    assert_eq!(bus.listeners(), 4);
    drop((dropped, wild, served));
    assert_eq!(bus.listeners(), 1);
    publish(&bus, "a.b", b"x").await;
    assert_eq!(bus.dropped(), 0);
    drop(kept);
    assert_eq!(bus.listeners(), 0);
}

#[tokio::test]
async fn a_subscription_dropped_while_it_waits_unsubscribes() {
    let bus = LocalBus::new();
    let mut subscription = bus.subscribe("a").await.unwrap();
    let timeout = tokio::time::timeout(Duration::ZERO, subscription.next()).await;
    assert!(timeout.is_err());
    publish(&bus, "a", b"kept").await;
    assert_eq!(&next(&mut subscription).await.1[..], b"kept");
    drop(subscription);
    assert_eq!(bus.listeners(), 0);
}

#[tokio::test]
async fn a_slow_subscriber_loses_the_newest_and_holds_nobody_up() {
    let bus = LocalBus::with_capacity(2);
    let mut slow = bus.subscribe("a").await.unwrap();
    let mut quick = bus.subscribe("a").await.unwrap();
    for payload in [b"1", b"2", b"3", b"4"] {
        publish(&bus, "a", payload).await;
        assert_eq!(&next(&mut quick).await.1[..], payload);
    }
    assert_eq!(bus.dropped(), 2);
    assert_eq!(&next(&mut slow).await.1[..], b"1");
    assert_eq!(&next(&mut slow).await.1[..], b"2");
    publish(&bus, "a", b"5").await;
    assert_eq!(&next(&mut slow).await.1[..], b"5");
}

#[tokio::test]
async fn a_subscription_ends_with_the_bus() {
    let bus = LocalBus::new();
    let mut subscription = bus.subscribe("a").await.unwrap();
    drop(bus);
    assert!(subscription.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_reaches_one_member_of_the_queue_group() {
    const REQUESTS: u32 = 2000;
    let bus = LocalBus::with_capacity(8);
    let mut members = Vec::new();
    for _ in 0..3 {
        let mut requests = bus.serve("work", "workers").await.unwrap();
        members.push(tokio::spawn(async move {
            let mut seen = Vec::new();
            while let Some(request) = requests.next().await {
                seen.push(u32::from_be_bytes(request.payload[..].try_into().unwrap()));
                let reply = request.payload.clone();
                request.reply(reply);
            }
            seen
        }));
    }
    let asking = (0..8).map(|task| {
        let bus = bus.clone();
        tokio::spawn(async move {
            for n in (task..REQUESTS).step_by(8) {
                let payload = Payload::copy_from_slice(&n.to_be_bytes());
                let reply = bus.request("work", payload.clone(), PATIENCE).await;
                assert_eq!(reply.unwrap(), payload);
            }
        })
    });
    for done in join_all(asking).await {
        done.unwrap();
    }
    drop(bus);
    let mut all = Vec::new();
    for member in members {
        let seen = member.await.unwrap();
        assert!(!seen.is_empty(), "the members take turns");
        all.extend(seen);
    }
    assert_eq!(all.len(), REQUESTS as usize);
    assert_eq!(
        all.into_iter().collect::<HashSet<_>>().len(),
        REQUESTS as usize
    );
}

#[tokio::test]
async fn a_request_waits_for_room_at_a_busy_member() {
    let bus = LocalBus::with_capacity(1);
    let mut requests = bus.serve("work", "q").await.unwrap();
    let answer = async {
        for _ in 0..3 {
            let request = requests.next().await.unwrap();
            request.reply(Payload::from_static(b"ok"));
        }
    };
    let ask = join_all((0..3).map(|_| bus.request("work", Payload::new(), PATIENCE)));
    let (replies, ()) = futures::join!(ask, answer);
    for reply in replies {
        assert_eq!(&reply.unwrap()[..], b"ok");
    }
}

#[tokio::test]
async fn a_request_that_nobody_serves_fails_at_once() {
    let bus: Arc<dyn Bus> = Arc::new(LocalBus::new());
    let _watching = bus.subscribe("work").await.unwrap();
    let refused = bus.request("work", Payload::new(), PATIENCE).await;
    assert!(
        matches!(refused, Err(BusError::NoResponders(_))),
        "{refused:?}"
    );
    drop(bus.serve("work", "q").await.unwrap());
    let refused = bus.request("work", Payload::new(), PATIENCE).await;
    assert!(
        matches!(refused, Err(BusError::NoResponders(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_request_without_a_reply_ends() {
    let bus = LocalBus::new();
    let mut requests = bus.serve("work", "q").await.unwrap();
    let short = Duration::from_millis(1);
    let late = bus.request("work", Payload::new(), short).await;
    assert!(matches!(late, Err(BusError::Timeout { .. })), "{late:?}");
    requests.next().await.unwrap().reply(Payload::new());

    let ask = bus.request("work", Payload::new(), PATIENCE);
    let ignore = async { drop(requests.next().await) };
    let (ignored, ()) = futures::join!(ask, ignore);
    assert!(matches!(ignored, Err(BusError::NoReply(_))), "{ignored:?}");
}

#[tokio::test]
async fn illegal_subjects_are_refused() {
    let bus = LocalBus::new();
    for subject in ["a.*", "a.>", "", "a..b"] {
        let refused = bus.publish(subject, Payload::new(), Headers::new()).await;
        assert!(matches!(refused, Err(BusError::Subject(_))), "{subject}");
        let refused = bus.request(subject, Payload::new(), PATIENCE).await;
        assert!(matches!(refused, Err(BusError::Subject(_))), "{subject}");
    }
    for pattern in ["", "a..b", "a.>.b"] {
        assert!(matches!(
            bus.subscribe(pattern).await,
            Err(BusError::Subject(_))
        ));
        assert!(matches!(
            bus.serve(pattern, "q").await,
            Err(BusError::Subject(_))
        ));
    }
}
