//! What the port of the bus promises, over each of its adapters.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use countersign_messaging::nats::{NatsBus, NatsConfig};
use countersign_messaging::{Bus, BusError, Headers, LocalBus, Payload};
use countersign_test_servers::nats_url;
use futures::future::join_all;

use crate::support::{PATIENCE, next, within};

/// Two who share a bus, and a prefix that nobody else uses.
struct Pair {
    one: Arc<dyn Bus>,
    two: Arc<dyn Bus>,
    prefix: String,
}

impl Pair {
    async fn local() -> Self {
        let bus = Arc::new(LocalBus::new());
        Self {
            one: bus.clone(),
            two: bus,
            prefix: "t".to_owned(),
        }
    }

    async fn nats() -> Self {
        let config = NatsConfig::new([nats_url()]);
        Self {
            one: Arc::new(NatsBus::connect(&config).await.unwrap()),
            two: Arc::new(NatsBus::connect(&config).await.unwrap()),
            prefix: format!("t{}", uuid::Uuid::new_v4().simple()),
        }
    }

    fn subject(&self, rest: &str) -> String {
        format!("{}.{rest}", self.prefix)
    }

    async fn publish(&self, rest: &str, payload: &'static [u8]) {
        let subject = self.subject(rest);
        self.one
            .publish(&subject, Payload::from_static(payload), Headers::new())
            .await
            .unwrap();
    }
}

macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod local {
            $(#[tokio::test]
            async fn $name() {
                super::within(super::$name(super::Pair::local().await)).await;
            })*
        }
        mod nats {
            $(#[tokio::test]
            async fn $name() {
                super::within(super::$name(super::Pair::nats().await)).await;
            })*
        }
    };
}

contract!(
    a_message_reaches_every_matching_subscription_once,
    headers_and_payload_arrive_as_they_were,
    messages_of_one_publisher_keep_their_order,
    a_dropped_subscription_leaves_the_others,
    each_request_reaches_one_member,
    nobody_answers_at_once,
    a_request_that_is_dropped_fails,
    a_request_without_a_reply_times_out,
    wrong_subjects_are_refused,
);

async fn a_message_reaches_every_matching_subscription_once(pair: Pair) {
    let mut exact = pair.two.subscribe(&pair.subject("a.b")).await.unwrap();
    let mut star = pair.two.subscribe(&pair.subject("*.b")).await.unwrap();
    let mut rest = pair.two.subscribe(&pair.subject(">")).await.unwrap();
    pair.publish("a.b", b"1").await;
    pair.publish("a.c", b"2").await;
    pair.publish("a.b", b"3").await;
    for subscription in [&mut exact, &mut star] {
        assert_eq!(&next(subscription).await.payload[..], b"1");
        assert_eq!(&next(subscription).await.payload[..], b"3");
    }
    for payload in [b"1", b"2", b"3"] {
        assert_eq!(&next(&mut rest).await.payload[..], payload);
    }
}

async fn headers_and_payload_arrive_as_they_were(pair: Pair) {
    let subject = pair.subject("s");
    let mut subscription = pair.two.subscribe(&subject).await.unwrap();
    let payload = Payload::from((0..=255).collect::<Vec<u8>>());
    let headers = Headers::new()
        .with_position(u64::MAX)
        .with_traceparent("00-1-2-01")
        .with("Other", "with: a colon");
    pair.one
        .publish(&subject, payload.clone(), headers)
        .await
        .unwrap();
    let message = next(&mut subscription).await;
    assert_eq!(*message.subject, *subject);
    assert_eq!(message.payload, payload);
    assert_eq!(message.headers.position(), Some(u64::MAX));
    assert_eq!(message.headers.traceparent(), Some("00-1-2-01"));
    assert_eq!(message.headers.get("Other"), Some("with: a colon"));
    assert_eq!(message.headers.iter().count(), 3);
}

async fn messages_of_one_publisher_keep_their_order(pair: Pair) {
    let subject = pair.subject("s");
    let mut subscription = pair.two.subscribe(&subject).await.unwrap();
    for number in 0..1000_u32 {
        let payload = Payload::from(number.to_string());
        let sent = pair.one.publish(&subject, payload, Headers::new());
        sent.await.unwrap();
    }
    for number in 0..1000_u32 {
        let message = next(&mut subscription).await;
        assert_eq!(message.payload, number.to_string());
    }
}

async fn a_dropped_subscription_leaves_the_others(pair: Pair) {
    let mut kept = pair.two.subscribe(&pair.subject("s")).await.unwrap();
    let dropped = pair.two.subscribe(&pair.subject("s")).await.unwrap();
    drop(dropped);
    pair.publish("s", b"1").await;
    assert_eq!(&next(&mut kept).await.payload[..], b"1");
}

async fn each_request_reaches_one_member(pair: Pair) {
    const REQUESTS: u32 = 200;
    let subject = pair.subject("work");
    for member in 0..3_u8 {
        let mut requests = pair.two.serve(&subject, "workers").await.unwrap();
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                let mut reply = request.payload.to_vec();
                reply.push(member);
                request.reply(reply);
            }
        });
    }
    let asked = (0..REQUESTS).map(|number| {
        let payload = Payload::from(number.to_be_bytes().to_vec());
        let (one, subject) = (pair.one.clone(), subject.clone());
        async move {
            let reply = one.request(&subject, payload, PATIENCE).await.unwrap();
            assert_eq!(&reply[..4], number.to_be_bytes());
            reply[4]
        }
    });
    let members: HashSet<u8> = join_all(asked).await.into_iter().collect();
    assert_eq!(members.len(), 3);
}

async fn nobody_answers_at_once(pair: Pair) {
    let subject = pair.subject("nobody");
    let failed = pair.one.request(&subject, Payload::new(), PATIENCE).await;
    assert!(
        matches!(failed, Err(BusError::NoResponders(_))),
        "{failed:?}"
    );
}

async fn a_request_that_is_dropped_fails(pair: Pair) {
    let subject = pair.subject("dropped");
    let mut requests = pair.two.serve(&subject, "q").await.unwrap();
    let asked = pair.one.request(&subject, Payload::new(), PATIENCE);
    let dropped = async {
        drop(within(requests.next()).await.unwrap());
    };
    let (failed, ()) = tokio::join!(asked, dropped);
    assert!(matches!(failed, Err(BusError::NoReply(_))), "{failed:?}");
}

async fn a_request_without_a_reply_times_out(pair: Pair) {
    let subject = pair.subject("slow");
    let mut requests = pair.two.serve(&subject, "q").await.unwrap();
    let limit = Duration::from_millis(50);
    let failed = pair.one.request(&subject, Payload::new(), limit).await;
    assert!(
        matches!(failed, Err(BusError::Timeout { .. })),
        "{failed:?}"
    );
    // A reply after that harms nobody.
    within(requests.next()).await.unwrap().reply("late");
}

async fn wrong_subjects_are_refused(pair: Pair) {
    for wrong in ["", "a..b", "a b", "a.\r\n"] {
        let published = pair
            .one
            .publish(wrong, Payload::new(), Headers::new())
            .await;
        assert!(matches!(published, Err(BusError::Subject(_))), "{wrong:?}");
        let subscribed = pair.one.subscribe(wrong).await;
        assert!(matches!(subscribed, Err(BusError::Subject(_))), "{wrong:?}");
        let served = pair.one.serve(wrong, "q").await;
        assert!(matches!(served, Err(BusError::Subject(_))), "{wrong:?}");
    }
    let wild = pair.one.request("a.*", Payload::new(), PATIENCE).await;
    assert!(matches!(wild, Err(BusError::Subject(_))));
}
