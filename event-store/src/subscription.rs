//! Follows a log: catches up in pages, then delivers events as they are committed.

use std::{sync::Arc, time::Duration, vec};

use futures::stream::{self, BoxStream, Stream};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{Envelope, EventLog, LogError};

/// A subscription to be started.
///
/// The stream yields every event after the position once, in order, and goes on for
/// as long as it is polled. Between pages it waits for [`EventLog::wake`], and looks
/// by itself once an interval besides, for what other processes append.
///
/// A failed read is yielded as an error; polled again, the stream tries again from
/// where it was, after an interval. It ends when the log is closed.
#[derive(Debug)]
pub struct Subscription {
    log: Arc<dyn EventLog>,
    after: u64,
    page: usize,
    interval: Duration,
}

/// Follows `log` from after a position, with the defaults of [`Subscription`].
pub fn subscribe(
    log: Arc<dyn EventLog>,
    after: u64,
) -> impl Stream<Item = Result<Arc<Envelope>, LogError>> + Send + Unpin + 'static {
    Subscription::new(log, after).stream()
}

impl Subscription {
    /// Pages of 512 events, a look every 100 ms.
    pub fn new(log: Arc<dyn EventLog>, after: u64) -> Self {
        Self {
            log,
            after,
            page: 512,
            interval: Duration::from_millis(100),
        }
    }

    /// How many events to read at once, at least one.
    #[must_use]
    pub fn page(self, page: usize) -> Self {
        Self {
            page: page.max(1),
            ..self
        }
    }

    /// How long to wait at most before looking for new events.
    #[must_use]
    pub fn interval(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// Starts it.
    pub fn stream(self) -> BoxStream<'static, Result<Arc<Envelope>, LogError>> {
        let follower = Follower {
            wake: self.log.wake(),
            subscription: self,
            page: Vec::new().into_iter(),
            due: true,
            state: State::Reading,
        };
        Box::pin(stream::unfold(follower, |mut follower| async {
            let item = follower.next().await?;
            Some((item, follower))
        }))
    }
}

struct Follower {
    subscription: Subscription,
    wake: watch::Receiver<u64>,
    page: vec::IntoIter<Arc<Envelope>>,
    /// Whether to look for more than the log is known to have.
    due: bool,
    state: State,
}

enum State {
    Reading,
    Failed,
    Ended,
}

impl Follower {
    async fn next(&mut self) -> Option<Result<Arc<Envelope>, LogError>> {
        match self.state {
            State::Reading => {}
            State::Failed => sleep(self.subscription.interval).await,
            State::Ended => return None,
        }
        let next = self.advance().await;
        self.state = match next {
            Ok(_) => State::Reading,
            Err(LogError::Closed) => State::Ended,
            Err(_) => State::Failed,
        };
        Some(next)
    }

    async fn advance(&mut self) -> Result<Arc<Envelope>, LogError> {
        loop {
            let after = self.subscription.after;
            if let Some(envelope) = self.page.next() {
                if envelope.position != after + 1 {
                    self.page = Vec::new().into_iter();
                    return Err(LogError::Gap {
                        after,
                        found: envelope.position,
                    });
                }
                self.subscription.after += 1;
                return Ok(envelope);
            }
            // What the log is known to have may lie in memory; to look for more than
            // that is for once an interval.
            let known = self.wake.borrow().saturating_sub(after);
            if known == 0 && !self.due {
                self.wait().await;
                self.due = true;
                continue;
            }
            let page = self.subscription.page;
            let limit = match usize::try_from(known) {
                Ok(known) if known > 0 => page.min(known),
                _ => page,
            };
            let events = self.subscription.log.read_all(after, limit).await?;
            // A full page of what was not known about may not be all of it.
            self.due = known == 0 && events.len() == limit;
            if known > 0 && events.is_empty() {
                // Whoever said that there is more was wrong.
                sleep(self.subscription.interval).await;
            }
            self.page = events.into_iter();
        }
    }

    /// Until the log is known to have more, or for the interval.
    async fn wait(&mut self) {
        let after = self.subscription.after;
        let interval = self.subscription.interval;
        let woken = timeout(interval, self.wake.wait_for(|head| *head > after)).await;
        let orphaned = matches!(woken, Ok(Err(_)));
        drop(woken);
        if orphaned {
            // Nobody wakes us any more; do not spin.
            sleep(interval).await;
        }
    }
}
