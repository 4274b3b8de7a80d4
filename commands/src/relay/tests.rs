//! The relay over a log and a feed that do as they are told.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use countersign_event_store::{
    Append, AppendError, Appended, CommandEntry, Envelope, EventLog, Leases, LogError, StreamId,
};
use countersign_messaging::{BusError, EventFeed, FeedError, FeedEvent, Subscription};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::run;

const PATIENCE: Duration = Duration::from_secs(600);

/// A log of events that say nothing.
#[derive(Debug)]
struct Log(watch::Sender<u64>);

impl Log {
    fn of(events: u64) -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(events)))
    }

    fn grow(&self, to: u64) {
        self.0.send_replace(to);
    }
}

#[async_trait]
impl EventLog for Log {
    async fn append(&self, _: Append) -> Result<Appended, AppendError> {
        Err(LogError::Closed.into())
    }

    async fn read_stream(
        &self,
        _: &StreamId,
        _: u64,
        _: usize,
    ) -> Result<Vec<Arc<Envelope>>, LogError> {
        Ok(vec![])
    }

    async fn read_all(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, LogError> {
        let event = |position| {
            Arc::new(Envelope {
                position,
                stream: StreamId {
                    aggregate_type: Cow::Borrowed("session"),
                    aggregate_id: "s".to_owned(),
                },
                version: position,
                event_type: "SessionStarted".to_owned(),
                event_version: 1,
                payload: serde_json::Value::Null,
                recorded_at: chrono::DateTime::UNIX_EPOCH,
                correlation_id: Uuid::nil(),
                causation_id: None,
                actor: "nobody".to_owned(),
                trace_parent: Some("00-1-2-01".to_owned()),
                previous_hash: [0; 32],
            })
        };
        let head = *self.0.borrow();
        Ok((after + 1..=head).take(limit).map(event).collect())
    }

    async fn find_command(&self, _: Uuid) -> Result<Option<CommandEntry>, LogError> {
        Ok(None)
    }

    async fn head(&self) -> Result<u64, LogError> {
        Ok(*self.0.borrow())
    }

    fn wake(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

/// A feed that remembers positions, and fails when told.
#[derive(Debug)]
struct Feed {
    keeps: bool,
    down: watch::Sender<bool>,
    kept: watch::Sender<Vec<u64>>,
}

impl Feed {
    fn with(kept: Vec<u64>) -> Arc<Self> {
        Self::new(true, kept)
    }

    fn new(keeps: bool, kept: Vec<u64>) -> Arc<Self> {
        Arc::new(Self {
            keeps,
            down: watch::Sender::new(false),
            kept: watch::Sender::new(kept),
        })
    }

    fn check(&self) -> Result<(), FeedError> {
        if *self.down.borrow() {
            return Err(BusError::Connection("down".into()).into());
        }
        Ok(())
    }

    async fn reaches(&self, position: u64) -> Vec<u64> {
        let mut kept = self.kept.subscribe();
        let reached = kept.wait_for(|kept| kept.last() >= Some(&position));
        timeout(PATIENCE, reached).await.unwrap().unwrap().clone()
    }
}

#[async_trait]
impl EventFeed for Feed {
    fn keeps(&self) -> bool {
        self.keeps
    }

    async fn last(&self) -> Result<Option<u64>, FeedError> {
        self.check()?;
        Ok(self.kept.borrow().last().copied())
    }

    async fn publish(&self, after: Option<u64>, events: &[FeedEvent]) -> Result<(), FeedError> {
        for event in events {
            sleep(Duration::from_millis(1)).await;
            self.check()?;
            assert_eq!(event.headers.position(), Some(event.position));
            assert_eq!(event.subject, "cs.v1.events.session.SessionStarted.s");
            let last = self.kept.borrow().last().copied();
            let expected = if event.position == events[0].position {
                after
            } else {
                Some(event.position - 1)
            };
            if last != expected {
                let last = last.unwrap_or(0);
                return Err(FeedError::Overtaken { last });
            }
            self.kept.send_modify(|kept| kept.push(event.position));
        }
        Ok(())
    }

    async fn follow(&self, _: &str, _: &[String]) -> Result<Subscription, FeedError> {
        Err(FeedError::Setup("nobody follows here".to_owned()))
    }
}

/// Leases by the clock of the test.
#[derive(Debug, Default)]
struct Granted {
    held: Mutex<HashMap<String, (String, Instant)>>,
    /// Answers nobody.
    down: watch::Sender<bool>,
}

#[async_trait]
impl Leases for Granted {
    async fn acquire(&self, name: &str, holder: &str, ttl: Duration) -> Result<bool, LogError> {
        if *self.down.borrow() {
            return Err(LogError::storage("asking for a lease", "down"));
        }
        let mut held = self.held.lock().unwrap();
        let now = Instant::now();
        if let Some((other, until)) = held.get(name)
            && other != holder
            && *until > now
        {
            return Ok(false);
        }
        held.insert(name.to_owned(), (holder.to_owned(), now + ttl));
        Ok(true)
    }

    async fn release(&self, name: &str, holder: &str) -> Result<(), LogError> {
        let mut held = self.held.lock().unwrap();
        if held.get(name).is_some_and(|(other, _)| other == holder) {
            held.remove(name);
        }
        Ok(())
    }

    async fn holder(&self, name: &str) -> Result<Option<String>, LogError> {
        let held = self.held.lock().unwrap();
        Ok(held.get(name).map(|(holder, _)| holder.clone()))
    }
}

fn start(
    log: &Arc<Log>,
    feed: &Arc<Feed>,
    leases: &Arc<Granted>,
    replica: &str,
) -> JoinHandle<LogError> {
    tokio::spawn(run(
        log.clone(),
        feed.clone(),
        leases.clone(),
        replica.to_owned(),
        watch::Sender::default(),
    ))
}

fn all(to: u64) -> Vec<u64> {
    (1..=to).collect()
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_keeps_events_gets_the_whole_log_and_then_what_comes() {
    let (log, feed) = (Log::of(1300), Feed::with(vec![]));
    let relay = start(&log, &feed, &Arc::default(), "one");
    feed.reaches(1300).await;
    log.grow(1303);
    assert_eq!(feed.reaches(1303).await, all(1303));
    relay.abort();
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_after_what_the_feed_has() {
    let (log, feed) = (Log::of(9), Feed::with(all(5)));
    let relay = start(&log, &feed, &Arc::default(), "one");
    assert_eq!(feed.reaches(9).await, all(9));
    relay.abort();
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_keeps_nothing_begins_at_the_head() {
    let (log, feed) = (Log::of(9), Feed::new(false, vec![]));
    let relay = start(&log, &feed, &Arc::default(), "one");
    sleep(Duration::from_secs(1)).await;
    log.grow(11);
    assert_eq!(feed.reaches(11).await, [10, 11]);
    relay.abort();
}

#[tokio::test(start_paused = true)]
async fn while_the_feed_is_away_nothing_is_lost_and_then_it_catches_up() {
    let (log, feed) = (Log::of(100), Feed::with(vec![]));
    let relay = start(&log, &feed, &Arc::default(), "one");
    feed.reaches(50).await;
    feed.down.send_replace(true);
    log.grow(5000);
    sleep(Duration::from_secs(30)).await;
    assert!(feed.kept.borrow().len() <= 100);
    feed.down.send_replace(false);
    assert_eq!(feed.reaches(5000).await, all(5000));
    relay.abort();
}

#[tokio::test(start_paused = true)]
async fn two_that_both_believe_to_be_the_one_do_not_interleave() {
    let (log, feed) = (Log::of(300), Feed::with(vec![]));
    // Leases of their own: both are granted.
    let one = start(&log, &feed, &Arc::default(), "one");
    let two = start(&log, &feed, &Arc::default(), "two");
    assert_eq!(feed.reaches(300).await, all(300));
    one.abort();
    two.abort();
}

#[tokio::test(start_paused = true)]
async fn one_relays_and_the_other_takes_over_when_it_stops() {
    let (log, feed, leases) = (Log::of(10), Feed::with(vec![]), Arc::default());
    let one = start(&log, &feed, &leases, "one");
    feed.reaches(10).await;
    let two = start(&log, &feed, &leases, "two");
    sleep(Duration::from_secs(20)).await;
    assert_eq!(leases.holder("relay").await.unwrap().unwrap(), "one");
    one.abort();
    let begun = Instant::now();
    log.grow(20);
    assert_eq!(feed.reaches(20).await, all(20));
    // Given back, it need not run out.
    assert!(begun.elapsed() < Duration::from_secs(2));
    two.abort();
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_another_takes_over_within_five_seconds() {
    let (log, feed, leases) = (Log::of(10), Feed::with(vec![]), Arc::<Granted>::default());
    let ttl = Duration::from_secs(4);
    assert!(leases.acquire("relay", "killed", ttl).await.unwrap());
    let begun = Instant::now();
    let two = start(&log, &feed, &leases, "two");
    assert_eq!(feed.reaches(10).await, all(10));
    assert!(begun.elapsed() >= Duration::from_secs(4));
    assert!(begun.elapsed() <= Duration::from_secs(5));
    two.abort();
}

#[tokio::test(start_paused = true)]
async fn without_the_lease_nothing_is_published() {
    let (log, feed, leases) = (Log::of(10), Feed::with(vec![]), Arc::<Granted>::default());
    let relay = start(&log, &feed, &leases, "one");
    feed.reaches(10).await;
    // It cannot be renewed until it has run out.
    leases.down.send_replace(true);
    sleep(Duration::from_secs(5)).await;
    log.grow(20);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(*feed.kept.borrow(), all(10));
    leases.down.send_replace(false);
    assert_eq!(feed.reaches(20).await, all(20));
    relay.abort();
}

#[tokio::test(start_paused = true)]
async fn a_feed_of_another_log_gets_nothing() {
    let (log, feed) = (Log::of(10), Feed::with(vec![50]));
    let relay = start(&log, &feed, &Arc::default(), "one");
    log.grow(49);
    sleep(Duration::from_secs(30)).await;
    assert_eq!(*feed.kept.borrow(), [50]);
    relay.abort();
}

#[tokio::test(start_paused = true)]
async fn how_far_the_relay_is_can_be_watched() {
    let (log, feed) = (Log::of(5), Feed::with(vec![]));
    let relayed = watch::Sender::new(0);
    let mut watched = relayed.subscribe();
    let leases = Arc::new(Granted::default());
    let relay = tokio::spawn(run(
        log.clone(),
        feed.clone(),
        leases,
        "one".to_owned(),
        relayed,
    ));
    watched.wait_for(|at| *at == 5).await.unwrap();
    assert_eq!(feed.reaches(5).await, all(5));
    log.grow(7);
    watched.wait_for(|at| *at == 7).await.unwrap();
    relay.abort();
}
