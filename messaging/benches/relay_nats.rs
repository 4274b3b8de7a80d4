//! What the fences of the feed cost: events a second of a bare pipelined `JetStream`
//! publish beside those of the feed, in turns on one private server.
//!
//! `cargo bench -p countersign-messaging --bench relay_nats`

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::{self, stream};
use countersign_messaging::nats::{FeedSettings, NatsBus, NatsConfig, NatsFeed};
use countersign_messaging::{EventFeed as _, FeedEvent, Headers, Payload};
use countersign_test_servers::Nats;
use tokio::sync::mpsc;

const EVENTS: u64 = 50_000;
const ROUNDS: u64 = 10;
/// What the relay publishes at once.
const BATCH: u64 = 4096;
/// Publications without an answer at a time, as in the feed.
const IN_FLIGHT: usize = 1024;
/// As an event of a session has.
const BYTES: usize = 900;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let server = Nats::start().expect("a server");
        let (mut bare, mut feed) = (Duration::ZERO, Duration::ZERO);
        for round in 0..ROUNDS {
            bare += publish_bare(&server, round).await;
            feed += publish_feed(&server, round).await;
        }
        let rate = |time: Duration| (EVENTS * ROUNDS) as f64 / time.as_secs_f64();
        println!("{EVENTS} events of {BYTES} bytes, {ROUNDS} rounds each in turns");
        println!("bare pipelined publish  {:>8.0} events/s", rate(bare));
        println!("the relay's feed        {:>8.0} events/s", rate(feed));
        println!(
            "ratio                   {:>8.0} %",
            100.0 * rate(feed) / rate(bare)
        );
    });
}

async fn publish_bare(server: &Nats, round: u64) -> Duration {
    let client = async_nats::connect(server.url()).await.expect("connected");
    let context = jetstream::ContextBuilder::new()
        .max_ack_inflight(IN_FLIGHT)
        .build(client);
    let name = format!("BARE{round}");
    let config = stream::Config {
        subjects: vec![format!("bare.{round}.>")],
        name: name.clone(),
        ..stream::Config::default()
    };
    context.create_stream(config).await.expect("a stream");
    let payload = Payload::from(vec![b'x'; BYTES]);
    let subject = format!("bare.{round}.session.SessionStarted.s");
    let begun = Instant::now();
    let mut waiting: VecDeque<PublishAckFuture> = VecDeque::new();
    for _ in 0..EVENTS {
        if waiting.len() == IN_FLIGHT
            && let Some(oldest) = waiting.pop_front()
        {
            oldest.await.expect("kept");
        }
        let sent = context.publish(subject.clone(), payload.clone()).await;
        waiting.push_back(sent.expect("sent"));
    }
    for answer in waiting {
        answer.await.expect("kept");
    }
    let took = begun.elapsed();
    context.delete_stream(name).await.expect("removed");
    took
}

async fn publish_feed(server: &Nats, round: u64) -> Duration {
    let bus = NatsBus::connect(&NatsConfig::new([server.url()]))
        .await
        .expect("connected");
    let feed = NatsFeed::open(&bus, FeedSettings::default())
        .await
        .expect("a feed");
    let start = round * EVENTS;
    let payload = Payload::from(vec![b'x'; BYTES]);
    let begun = Instant::now();
    let (sender, mut batches) = mpsc::channel(1);
    // A batch ahead, as the relay reads the log.
    tokio::spawn(async move {
        for first in (start + 1..=start + EVENTS).step_by(BATCH as usize) {
            let end = (first + BATCH - 1).min(start + EVENTS);
            let events: Vec<_> = (first..=end)
                .map(|position| FeedEvent {
                    position,
                    subject: "cs.v1.events.session.SessionStarted.s".to_owned(),
                    payload: payload.clone(),
                    headers: Headers::new().with_position(position),
                })
                .collect();
            sender.send(events).await.expect("somebody publishes");
        }
    });
    let mut last = (start > 0).then_some(start);
    while let Some(events) = batches.recv().await {
        feed.publish(last, &events).await.expect("kept");
        last = events.last().map(|event| event.position);
    }
    begun.elapsed()
}
