//! What the replica that holds the lease does.

use std::sync::Arc;
use std::time::Duration;

use countersign_event_store::{Envelope, EventLog, LogError, subscribe};
use countersign_messaging::{EventFeed, FeedError, FeedEvent, Headers, Payload, subject};
use futures::StreamExt as _;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::metrics;

/// Events that are published at once.
const BATCH: usize = 4096;

/// The pauses after failures.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How often the lag is measured.
const MEASURE: Duration = Duration::from_secs(1);

pub(super) struct Relay {
    log: Arc<dyn EventLog>,
    feed: Arc<dyn EventFeed>,
    /// Where a feed begins that nothing was published in and that keeps nothing.
    start: u64,
    /// Position of the last event that is known to be in the feed.
    published: Option<u64>,
    /// Tells it to others.
    relayed: watch::Sender<u64>,
    pause: Duration,
}

/// Why a run through the log was broken off.
enum Broken {
    /// For good.
    Log(LogError),
    /// By the feed: what it ends with has to be asked anew.
    Feed(FeedError),
}

impl Relay {
    /// # Errors
    /// When the log is of no use any more.
    pub(super) async fn new(
        log: Arc<dyn EventLog>,
        feed: Arc<dyn EventFeed>,
        relayed: watch::Sender<u64>,
    ) -> Result<Self, LogError> {
        let start = if feed.keeps() { 0 } else { head(&*log).await? };
        Ok(Self {
            log,
            feed,
            start,
            published: None,
            relayed,
            pause: PAUSE,
        })
    }

    /// Publishes until the log is of no use.
    pub(super) async fn lead(&mut self) -> LogError {
        let mut away = false;
        loop {
            match self.advance().await {
                Broken::Log(error) => return error,
                Broken::Feed(FeedError::Overtaken { last }) => {
                    tracing::debug!(last, "another relay was faster");
                }
                Broken::Feed(error) => {
                    if self.pause == PAUSE {
                        away = false;
                    }
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!(%error, "the relay waits for the feed");
                    }
                    self.wait().await;
                }
            }
        }
    }

    /// Waits, longer each time, and measures meanwhile.
    async fn wait(&mut self) {
        metrics::lag(*self.log.wake().borrow(), self.published);
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// Goes on after the last event of the feed.
    async fn advance(&mut self) -> Broken {
        let mut last = match self.feed.last().await {
            Ok(last) => last,
            Err(error) => return Broken::Feed(error),
        };
        let from = last.unwrap_or(self.start);
        match head(&*self.log).await {
            Ok(head) if head < from => {
                return Broken::Feed(FeedError::Setup(format!(
                    "the feed is at position {from}, and the log only at {head}: they do not \
                     belong together"
                )));
            }
            Ok(_) => {}
            Err(error) => return Broken::Log(error),
        }
        self.tell(from);
        let mut batches = read(self.log.clone(), from);
        let mut measure = interval(MEASURE);
        measure.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let batch = tokio::select! {
                batch = batches.next.recv() => batch,
                _ = measure.tick() => {
                    metrics::lag(*self.log.wake().borrow(), self.published);
                    continue;
                }
            };
            let Some(Batch { events, failed }) = batch else {
                return Broken::Log(LogError::Closed);
            };
            if let Some(end) = events.last().map(|event| event.position) {
                if let Err(error) = self.publish(last, &events).await {
                    return Broken::Feed(error);
                }
                last = Some(end);
            }
            match failed {
                Some(error) if error.is_final() => return Broken::Log(error),
                // The subscription itself tries again from where it was.
                Some(error) => tracing::warn!(%error, "the relay cannot read the log"),
                None => {}
            }
        }
    }

    /// The feed has the events up to this position.
    fn tell(&mut self, position: u64) {
        self.published = Some(position);
        self.relayed.send_replace(position);
    }

    /// Publishes, and measures the lag while that takes long.
    async fn publish(&mut self, after: Option<u64>, events: &[FeedEvent]) -> Result<(), FeedError> {
        {
            let mut publishing = std::pin::pin!(self.feed.publish(after, events));
            loop {
                tokio::select! {
                    ended = &mut publishing => {
                        ended?;
                        break;
                    }
                    () = sleep(MEASURE) => {
                        metrics::lag(*self.log.wake().borrow(), self.published);
                    }
                }
            }
        }
        if let Some(last) = events.last() {
            self.tell(last.position);
        }
        self.pause = PAUSE;
        metrics::published(events.len());
        metrics::lag(*self.log.wake().borrow(), self.published);
        Ok(())
    }
}

/// Events that are published at once, and what kept more from being read.
struct Batch {
    events: Vec<FeedEvent>,
    failed: Option<LogError>,
}

/// Batches of the log, in order.
struct Batches {
    next: mpsc::Receiver<Batch>,
    /// Reads as long as somebody takes them.
    _reader: AbortOnDropHandle<()>,
}

/// Reads the log from a position on, one batch ahead: while one is published, the next
/// is read and written as it will be sent.
fn read(log: Arc<dyn EventLog>, from: u64) -> Batches {
    let (sender, next) = mpsc::channel(1);
    let reader = tokio::spawn(async move {
        let mut events = subscribe(log, from).ready_chunks(BATCH);
        while let Some(read) = events.next().await {
            let mut batch = Batch {
                events: Vec::with_capacity(read.len()),
                failed: None,
            };
            for event in read {
                match event {
                    Ok(envelope) => batch.events.push(published(&envelope)),
                    Err(error) => batch.failed = Some(error),
                }
            }
            if sender.send(batch).await.is_err() {
                return;
            }
        }
    });
    Batches {
        next,
        _reader: AbortOnDropHandle::new(reader),
    }
}

/// An event as it is published.
fn published(envelope: &Envelope) -> FeedEvent {
    let payload = serde_json::to_vec(envelope).unwrap_or_else(|error| {
        // Published all the same, so that those after it are.
        tracing::error!(%error, position = envelope.position, "an event cannot be written");
        Vec::new()
    });
    let mut headers = Headers::new().with_position(envelope.position);
    if let Some(trace) = &envelope.trace_parent {
        headers = headers.with_traceparent(trace.clone());
    }
    FeedEvent {
        position: envelope.position,
        subject: subject::events(
            &envelope.stream.aggregate_type,
            &envelope.event_type,
            &envelope.stream.aggregate_id,
        ),
        payload: Payload::from(payload),
        headers,
    }
}

/// The head of the log, asked until it answers.
async fn head(log: &dyn EventLog) -> Result<u64, LogError> {
    loop {
        match log.head().await {
            Err(error) if !error.is_final() => {
                tracing::warn!(%error, "the relay cannot read the log");
                sleep(LONGEST_PAUSE).await;
            }
            answer => return answer,
        }
    }
}
