//! What one can do with subscriptions.

use std::fmt;
use std::sync::Arc;

use chrono::Duration;
use countersign_domain::Timestamp;
use countersign_event_store::{EventFilter, EventLog, Leases, LogError, Owners};
use serde::Serialize;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::deliver::{Deliverer, Parts};
use crate::message;
use crate::policy::UrlRefused;
use crate::schedule::Schedule;
use crate::seal::{SealError, SealKey};
use crate::secret::Secret;
use crate::send::{Link, Outcome, SendSettings, Sender};
use crate::store::{Letter, StoreError, WebhookStore, change};
use crate::subscription::{DeadLetter, Previous, State, Subscription};

/// Makes up ids.
pub type Entropy = Arc<dyn Fn() -> [u8; 16] + Send + Sync>;

/// What [`Webhooks`] is made of.
pub struct WebhooksConfig {
    /// The event log.
    pub log: Arc<dyn EventLog>,
    /// Where subscriptions are kept.
    pub store: Arc<dyn WebhookStore>,
    /// Says which process delivers.
    pub leases: Arc<dyn Leases>,
    /// A name that no other process has.
    pub replica: String,
    /// What secrets are sealed under, the same in all processes.
    pub key: SealKey,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes up ids of subscriptions and traces.
    pub entropy: Entropy,
    /// How messages are sent.
    pub send: SendSettings,
    /// When they are sent again.
    pub schedule: Schedule,
    /// How many events given up in a row disable a subscription.
    pub disable_after: u32,
    /// How many messages are under way at once.
    pub concurrency: u32,
    /// How many subscriptions there may be.
    pub max: u32,
}

/// Subscriptions, and their delivery.
pub struct Webhooks {
    parts: Parts,
    entropy: Entropy,
    leases: Arc<dyn Leases>,
    replica: String,
    max: u32,
}

impl fmt::Debug for WebhooksConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhooksConfig").finish_non_exhaustive()
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks")
            .field("replica", &self.replica)
            .finish_non_exhaustive()
    }
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// There is no such subscription.
    #[error("there is no webhook with this id")]
    NotFound,
    /// There is no such dead letter.
    #[error("there is no dead letter at position {0}")]
    NoDeadLetter(u64),
    /// The URL may not be used.
    #[error("`url` {0}")]
    Url(#[from] UrlRefused),
    /// A position that cannot be begun at.
    #[error("position {wanted} is beyond the next one to come, {next}")]
    BeyondHead {
        /// What was asked for.
        wanted: u64,
        /// Position of the next event.
        next: u64,
    },
    /// There is one with this id, for another URL or other events.
    #[error("there is another webhook with the id {0}: take another id, or change that one")]
    Taken(Uuid),
    /// There are as many as there may be.
    #[error("there are {0} webhooks, and no more are allowed: remove one, or raise `webhooks.max`")]
    TooMany(u32),
    /// A secret cannot be had.
    #[error(transparent)]
    Secret(#[from] SealError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A fault of this program.
    #[error("{0}")]
    Internal(String),
}

/// A subscription to be made.
#[derive(Clone, Debug, Default)]
pub struct NewWebhook {
    /// Its id, by which a request that is sent again is known; without it, a new one.
    pub id: Option<Uuid>,
    /// Where events go.
    pub url: String,
    /// Which.
    pub filter: EventFilter,
    /// Position of the first event; without it, what is recorded from now on.
    pub from: Option<u64>,
}

/// What is to be changed.
#[derive(Clone, Debug, Default)]
pub struct WebhookChange {
    /// Where events go.
    pub url: Option<String>,
    /// Which.
    pub filter: Option<EventFilter>,
    /// Active or paused.
    pub active: Option<bool>,
}

/// A subscription, and how it stands.
#[derive(Clone, Debug)]
pub struct Status {
    /// The subscription.
    pub subscription: Subscription,
    /// The head of the log.
    pub head: u64,
    /// How many dead letters it has.
    pub dead_letters: u64,
}

/// What became of one attempt that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempted {
    /// Whether the receiver took it.
    pub delivered: bool,
    /// The status that it answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Webhooks {
    /// Subscriptions over these.
    #[must_use]
    pub fn new(config: WebhooksConfig) -> Self {
        let parts = Parts {
            owners: Arc::new(Owners::new(config.log.clone())),
            log: config.log,
            store: config.store,
            key: config.key,
            sender: Arc::new(Sender::new(config.send)),
            clock: config.clock,
            schedule: config.schedule,
            disable_after: config.disable_after.max(1),
            turns: Arc::new(Semaphore::new(
                usize::try_from(config.concurrency.max(1)).unwrap_or(1),
            )),
            changed: Arc::new(Notify::new()),
        };
        Self {
            parts,
            entropy: config.entropy,
            leases: config.leases,
            replica: config.replica,
            max: config.max,
        }
    }

    /// Delivers until `stop`, whenever this process holds the lease.
    pub async fn run(&self, stop: CancellationToken) {
        let (parts, leases) = (self.parts.clone(), self.leases.clone());
        let deliverer = Deliverer::new(parts, leases, self.replica.clone());
        deliverer.run(stop).await;
    }

    /// Makes a subscription, and the secret that its messages are signed with. The
    /// secret is told this once: asked again for the same one, by its id, there is none.
    ///
    /// # Errors
    ///
    /// `Url`, `Taken`, `BeyondHead` or `TooMany` when it is not to be, others when it cannot be.
    pub async fn create(
        &self,
        new: NewWebhook,
    ) -> Result<(Status, Option<Zeroizing<String>>), WebhookError> {
        let target = self.parts.sender.check(&new.url).await?;
        let url = String::from(target.url);
        if let Some(known) = self.known(&new, &url).await? {
            return Ok((known, None));
        }
        let head = self.parts.log.head().await?;
        let cursor = match new.from {
            None => head,
            Some(from) => before(from, head)?,
        };
        let id = new.id.unwrap_or_else(|| self.id());
        let secret = Secret::generate().map_err(SealError::from)?;
        let subscription = Subscription {
            id,
            url,
            filter: new.filter.clone(),
            secret: self.parts.key.seal(id, &secret)?,
            previous: None,
            state: State::Active,
            reason: None,
            cursor,
            replay_until: 0,
            pending: None,
            last_error: None,
            last_success_at: None,
            dead_letters_in_a_row: 0,
            created_at: self.parts.clock.now(),
            generation: 1,
            revision: 1,
        };
        if !self.parts.store.insert(&subscription, self.max).await? {
            // The same request may have come first meanwhile.
            let known = self.known(&new, &subscription.url).await?;
            let known = known.ok_or(WebhookError::TooMany(self.max))?;
            return Ok((known, None));
        }
        self.parts.changed.notify_one();
        let status = Status {
            subscription,
            head,
            dead_letters: 0,
        };
        Ok((status, Some(secret.to_text())))
    }

    /// The one that was asked for before, by its id.
    async fn known(&self, new: &NewWebhook, url: &str) -> Result<Option<Status>, WebhookError> {
        let Some(id) = new.id else { return Ok(None) };
        match self.parts.store.get(id).await? {
            None => Ok(None),
            Some(it) if it.url == url && it.filter == new.filter => self.status(it).await.map(Some),
            Some(_) => Err(WebhookError::Taken(id)),
        }
    }

    /// One of them.
    ///
    /// # Errors
    ///
    /// `NotFound`, and others when it cannot be read.
    pub async fn get(&self, id: Uuid) -> Result<Status, WebhookError> {
        let found = self.parts.store.get(id).await?;
        self.status(found.ok_or(WebhookError::NotFound)?).await
    }

    /// All of them, the oldest first.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub async fn list(&self) -> Result<Vec<Status>, WebhookError> {
        let all = self.parts.store.list().await?;
        let counts = self.parts.store.count_dead_letters().await?;
        let head = self.parts.log.head().await?;
        let of = |id| counts.iter().find(|(counted, _)| *counted == id);
        let statuses = all.into_iter().map(|subscription| Status {
            dead_letters: of(subscription.id).map_or(0, |(_, count)| *count),
            subscription,
            head,
        });
        Ok(statuses.collect())
    }

    /// Changes what is given. One that is made active begins with what it owes, at once.
    ///
    /// # Errors
    ///
    /// `NotFound` or `Url` when it is not to be, others when it cannot be.
    pub async fn change(&self, id: Uuid, changes: &WebhookChange) -> Result<Status, WebhookError> {
        let url = match &changes.url {
            Some(url) => Some(String::from(self.parts.sender.check(url).await?.url)),
            None => None,
        };
        self.apply(id, |it| {
            if let Some(url) = &url {
                it.url.clone_from(url);
                it.pending = None;
            }
            if let Some(filter) = &changes.filter {
                it.filter = filter.clone();
            }
            match changes.active {
                Some(true) => it.activate(),
                Some(false) => it.state = State::Paused,
                None => {}
            }
        })
        .await
    }

    /// Takes one away, with its dead letters.
    ///
    /// # Errors
    ///
    /// `NotFound`, and others when it cannot be done.
    pub async fn remove(&self, id: Uuid) -> Result<(), WebhookError> {
        if !self.parts.store.remove(id).await? {
            return Err(WebhookError::NotFound);
        }
        self.parts.changed.notify_one();
        Ok(())
    }

    /// Makes another secret, and tells it this once. The one before signs beside it
    /// for `grace`.
    ///
    /// # Errors
    ///
    /// `NotFound`, and others when it cannot be done.
    pub async fn rotate_secret(
        &self,
        id: Uuid,
        grace: Duration,
    ) -> Result<(Status, Zeroizing<String>), WebhookError> {
        let secret = Secret::generate().map_err(SealError::from)?;
        let sealed = self.parts.key.seal(id, &secret)?;
        let until: Timestamp = self.parts.clock.now() + grace;
        let status = self
            .apply(id, |it| {
                let secret = std::mem::replace(&mut it.secret, sealed.clone());
                let previous = Previous { secret, until };
                // One that cannot be opened any more signs nothing.
                let opens = self.parts.key.open(id, &previous.secret).is_ok();
                it.previous = (opens && !grace.is_zero()).then_some(previous);
            })
            .await?;
        Ok((status, secret.to_text()))
    }

    /// Delivers the events from position `from` on again, and then goes on.
    ///
    /// # Errors
    ///
    /// `NotFound` or `BeyondHead` when it is not to be, others when it cannot be.
    pub async fn replay(&self, id: Uuid, from: u64) -> Result<Status, WebhookError> {
        let head = self.parts.log.head().await?;
        before(from, head)?;
        self.apply(id, |it| it.replay(from)).await
    }

    /// The events that were given up, after a position, in order.
    ///
    /// # Errors
    ///
    /// `NotFound`, and others when they cannot be read.
    pub async fn dead_letters(
        &self,
        id: Uuid,
        after: u64,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, WebhookError> {
        let found = self.parts.store.get(id).await?;
        found.ok_or(WebhookError::NotFound)?;
        Ok(self.parts.store.dead_letters(id, after, limit).await?)
    }

    /// Tries once, now, to deliver an event that was given up. It is a dead letter no
    /// more when the receiver takes it.
    ///
    /// # Errors
    ///
    /// `NotFound` or `NoDeadLetter`, and others when it cannot be tried.
    pub async fn redeliver(&self, id: Uuid, position: u64) -> Result<Attempted, WebhookError> {
        let found = self.parts.store.get(id).await?;
        let subscription = found.ok_or(WebhookError::NotFound)?;
        let before = position.saturating_sub(1);
        let letters = self.parts.store.dead_letters(id, before, 1).await?;
        let letter = letters.into_iter().find(|it| it.position == position);
        let mut letter = letter.ok_or(WebhookError::NoDeadLetter(position))?;
        let events = self.parts.log.read_all(before, 1).await?;
        let event = events.into_iter().find(|it| it.position == position);
        let event = event.ok_or_else(|| {
            WebhookError::Internal(format!("the log has no event at position {position}"))
        })?;
        let now = self.parts.clock.now();
        let message = message::of_event(&self.parts.key, &subscription, &event, now)?;
        let attempted = self.attempt(&subscription, &message).await;
        change(&*self.parts.store, id, |_| {
            Some(match &attempted.error {
                None => Letter::Take(position),
                Some(error) => {
                    letter.error.clone_from(error);
                    letter.at = now;
                    letter.attempts += 1;
                    Letter::Put(letter.clone())
                }
            })
        })
        .await?;
        Ok(attempted)
    }

    /// Sends a message that only tries the way, once, now.
    ///
    /// # Errors
    ///
    /// `NotFound`, and others when it cannot be tried.
    pub async fn test(&self, id: Uuid) -> Result<Attempted, WebhookError> {
        let found = self.parts.store.get(id).await?;
        let subscription = found.ok_or(WebhookError::NotFound)?;
        let now = self.parts.clock.now();
        let message = message::of_test(&self.parts.key, &subscription, self.id(), now)?;
        Ok(self.attempt(&subscription, &message).await)
    }

    /// An id that nothing has yet.
    pub(crate) fn id(&self) -> Uuid {
        uuid::Builder::from_random_bytes((self.entropy)()).into_uuid()
    }

    /// Whether the log and the store can be used now.
    ///
    /// # Errors
    ///
    /// When they cannot.
    pub async fn ready(&self) -> Result<u64, WebhookError> {
        self.parts.store.count_dead_letters().await?;
        Ok(self.parts.log.head().await?)
    }

    async fn attempt(
        &self,
        subscription: &Subscription,
        message: &crate::send::Message,
    ) -> Attempted {
        let sender = &self.parts.sender;
        let mut link = Link::default();
        match sender.send(&mut link, &subscription.url, message).await {
            Outcome::Delivered(status) => Attempted {
                delivered: true,
                status: Some(status.as_u16()),
                error: None,
            },
            Outcome::Gone => Attempted {
                delivered: false,
                status: Some(410),
                error: Some("the receiver answered 410 Gone".to_owned()),
            },
            Outcome::Failed { status, detail, .. } => Attempted {
                delivered: false,
                status: status.map(|status| status.as_u16()),
                error: Some(detail),
            },
        }
    }

    /// Changes a subscription, and has it looked at.
    async fn apply(
        &self,
        id: Uuid,
        mut changed: impl FnMut(&mut Subscription) + Send,
    ) -> Result<Status, WebhookError> {
        let now = change(&*self.parts.store, id, |it| {
            changed(it);
            it.generation += 1;
            Some(Letter::Keep)
        })
        .await?;
        self.parts.changed.notify_one();
        self.status(now.ok_or(WebhookError::NotFound)?).await
    }

    async fn status(&self, subscription: Subscription) -> Result<Status, WebhookError> {
        let counts = self.parts.store.count_dead_letters().await?;
        let count = counts.iter().find(|(id, _)| *id == subscription.id);
        Ok(Status {
            dead_letters: count.map_or(0, |(_, count)| *count),
            subscription,
            head: self.parts.log.head().await?,
        })
    }
}

impl From<message::MessageError> for WebhookError {
    fn from(error: message::MessageError) -> Self {
        match error {
            message::MessageError::Secret(error) => Self::Secret(error),
            message::MessageError::Write(error) => Self::Internal(error.to_string()),
        }
    }
}

/// The cursor of one that begins at `from`: it may be as far as the next event.
fn before(from: u64, head: u64) -> Result<u64, WebhookError> {
    let next = head + 1;
    if from > next {
        return Err(WebhookError::BeyondHead { wanted: from, next });
    }
    Ok(from.saturating_sub(1))
}
