//! One subscription's course through the log.

use std::sync::Arc;
use std::time::Duration;

use countersign_event_store::{Envelope, LogError, Owner};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Parts;
use crate::message;
use crate::metrics;
use crate::schedule::jitter;
use crate::send::{Link, Outcome};
use crate::store::{Letter, StoreError, change};
use crate::subscription::{AfterFailure, State, Subscription};

/// How many events are read at once.
const PAGE: usize = 256;

/// How often the log is looked at when nobody tells of news, and how often a cursor is
/// kept that only passed over events.
const POLL: Duration = Duration::from_millis(500);

/// How long to wait before what failed is tried again: the log, the store.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Course {
    parts: Parts,
    id: Uuid,
    changed: watch::Receiver<u64>,
    stop: CancellationToken,
    link: Link,
    /// When the cursor was last kept.
    kept: Instant,
}

/// Why a course does not go on as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The subscription is to be read again.
    Changed,
    /// It is over.
    Over,
}

/// The log or the store cannot be used now.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Step<T> = Result<Result<T, End>, Trouble>;

/// Ends the function when a step has ended the course.
macro_rules! go_on {
    ($step:expr) => {
        match $step {
            Ok(value) => value,
            Err(end) => return Ok(Err(end)),
        }
    };
}

impl Course {
    pub(super) fn new(
        parts: Parts,
        id: Uuid,
        changed: watch::Receiver<u64>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            parts,
            id,
            changed,
            stop,
            link: Link::default(),
            kept: Instant::now(),
        }
    }

    pub(super) async fn run(mut self) {
        let mut failing = false;
        while !self.stop.is_cancelled() {
            self.changed.borrow_and_update();
            match self.follow().await {
                Ok(Ok(())) => failing = false,
                Ok(Err(End::Changed)) => failing = false,
                Ok(Err(End::Over)) | Err(Trouble::Log(LogError::Closed)) => return,
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(error, webhook = %self.id, "webhooks must wait");
                    }
                    tokio::select! {
                        () = self.stop.cancelled() => return,
                        () = sleep(AGAIN) => {}
                    }
                }
            }
        }
    }

    /// From where the subscription stands, until it is changed.
    async fn follow(&mut self) -> Step<()> {
        let Some(mut subscription) = self.parts.store.get(self.id).await? else {
            return Ok(Err(End::Over));
        };
        if subscription.state != State::Active {
            self.link = Link::default();
            return Ok(Err(until_changed(&mut self.changed, &self.stop).await));
        }
        let mut wake = self.parts.log.wake();
        let mut at = subscription.cursor;
        loop {
            wake.borrow_and_update();
            let page = self.parts.log.read_all(at, PAGE).await?;
            if page.is_empty() && self.kept.elapsed() >= POLL {
                go_on!(self.keep(&mut subscription, at).await?);
            }
            if page.is_empty() {
                let news = async {
                    tokio::select! {
                        // The log is held on to, and so is the sender.
                        _ = wake.changed() => {}
                        () = sleep(POLL) => {}
                    }
                };
                tokio::select! {
                    () = news => {}
                    end = until_changed(&mut self.changed, &self.stop) => return Ok(Err(end)),
                }
                continue;
            }
            for event in page {
                if self.stop.is_cancelled() || self.changed.has_changed().unwrap_or(true) {
                    go_on!(self.keep(&mut subscription, at).await?);
                    return Ok(Err(End::Changed));
                }
                if self.wants(&subscription, &event).await? {
                    go_on!(self.deliver(&mut subscription, &event).await?);
                }
                at = event.position;
            }
            if self.kept.elapsed() >= AGAIN {
                go_on!(self.keep(&mut subscription, at).await?);
            }
        }
    }

    async fn wants(&self, subscription: &Subscription, event: &Envelope) -> Result<bool, Trouble> {
        let filter = &subscription.filter;
        if !filter.types.is_empty() && !filter.types.contains(&event.event_type) {
            return Ok(false);
        }
        let owner = match filter.asks_for_owner() {
            true => self.parts.owners.of(event).await?,
            false => Owner::default(),
        };
        Ok(filter.takes(&event.event_type, &owner))
    }

    /// Keeps a cursor that has passed over events.
    async fn keep(&mut self, subscription: &mut Subscription, at: u64) -> Step<()> {
        if at <= subscription.cursor {
            return Ok(Ok(()));
        }
        self.settle(subscription, |it| {
            it.advance(at);
            Letter::Keep
        })
        .await
    }

    /// Delivers an event, however often it has to be tried.
    async fn deliver(
        &mut self,
        subscription: &mut Subscription,
        event: &Arc<Envelope>,
    ) -> Step<()> {
        let position = event.position;
        loop {
            let pending = subscription.pending;
            if let Some(pending) = pending.filter(|pending| pending.position == position) {
                let clock = self.parts.clock.clone();
                let due = clock.until(pending.next_attempt_at);
                tokio::select! {
                    () = due => {}
                    end = until_changed(&mut self.changed, &self.stop) => return Ok(Err(end)),
                }
            }
            let turns = self.parts.turns.clone();
            let turn = tokio::select! {
                turn = turns.acquire() => turn,
                end = until_changed(&mut self.changed, &self.stop) => return Ok(Err(end)),
            };
            let outcome = self.attempt(subscription, event).await;
            drop(turn);
            let now = self.parts.clock.now();
            match outcome {
                Outcome::Delivered(_) => {
                    return self
                        .settle(subscription, |it| {
                            let repeated = it.is_repeated(position);
                            it.delivered(position, now);
                            match repeated {
                                true => Letter::Take(position),
                                false => Letter::Keep,
                            }
                        })
                        .await;
                }
                Outcome::Gone => {
                    tracing::warn!(webhook = %self.id, position, "the receiver is gone");
                    go_on!(
                        self.settle(subscription, |it| {
                            it.disable("the receiver answered 410 Gone");
                            Letter::Keep
                        })
                        .await?
                    );
                    return Ok(Err(End::Changed));
                }
                Outcome::Failed {
                    detail,
                    retry_after,
                    ..
                } => {
                    let attempt = subscription.attempts(position) + 1;
                    let delay = self.parts.schedule.delay(attempt, jitter(), retry_after);
                    tracing::debug!(webhook = %self.id, position, attempt, detail, "not delivered");
                    let named = (position, event.event_type.as_str());
                    let most = self.parts.disable_after;
                    go_on!(
                        self.settle(subscription, |it| {
                            match it.failed(named, &detail, now, delay, most) {
                                AfterFailure::Retry(_) => Letter::Keep,
                                AfterFailure::DeadLetter(letter) => Letter::Put(letter),
                            }
                        })
                        .await?
                    );
                    if delay.is_none() {
                        metrics::dead_letter();
                        tracing::warn!(webhook = %self.id, position, detail, "given up");
                        return Ok(match subscription.state {
                            State::Active => Ok(()),
                            State::Paused | State::Disabled => Err(End::Changed),
                        });
                    }
                }
            }
        }
    }

    async fn attempt(&mut self, subscription: &Subscription, event: &Envelope) -> Outcome {
        let now = self.parts.clock.now();
        let message = match message::of_event(&self.parts.key, subscription, event, now) {
            Ok(message) => message,
            Err(error) => {
                return Outcome::Failed {
                    status: None,
                    detail: error.to_string(),
                    retry_after: None,
                };
            }
        };
        let begun = Instant::now();
        let sending = self
            .parts
            .sender
            .send(&mut self.link, &subscription.url, &message);
        let outcome = sending.await;
        let name = match &outcome {
            Outcome::Delivered(_) => "delivered",
            Outcome::Gone => "gone",
            Outcome::Failed { .. } => "failed",
        };
        metrics::attempt(name, begun.elapsed());
        outcome
    }

    /// Writes down what has happened. Somebody may have changed the subscription
    /// meanwhile: what they changed stays, and a cursor that they moved is theirs.
    async fn settle(
        &mut self,
        subscription: &mut Subscription,
        mut apply: impl FnMut(&mut Subscription) -> Letter + Send,
    ) -> Step<()> {
        self.kept = Instant::now();
        let mut next = subscription.clone();
        let letter = apply(&mut next);
        if self.parts.store.replace(&next, &letter).await? {
            next.revision += 1;
            *subscription = next;
            return Ok(Ok(()));
        }
        let before = subscription.cursor;
        let mut moved = false;
        let now = change(&*self.parts.store, self.id, |it| {
            moved = it.cursor != before;
            (!moved && it.state != State::Disabled).then(|| apply(it))
        })
        .await?;
        match now {
            None => Ok(Err(End::Over)),
            Some(_) => Ok(Err(End::Changed)),
        }
    }
}

async fn until_changed(changed: &mut watch::Receiver<u64>, stop: &CancellationToken) -> End {
    tokio::select! {
        () = stop.cancelled() => End::Over,
        // Whoever forgets it has removed it.
        seen = changed.changed() => match seen {
            Ok(()) => End::Changed,
            Err(_) => End::Over,
        },
    }
}
