//! What one can do with subscriptions.

mod attempt;
mod config;
mod create;
mod error;
mod model;

use std::fmt;
use std::sync::Arc;

use chrono::Duration;
use countersign_domain::Timestamp;
use countersign_event_store::{Leases, Owners};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zeroize::Zeroizing;

pub use config::{Entropy, WebhooksConfig};
pub use error::WebhookError;
pub use model::{Attempted, NewWebhook, Status, WebhookChange};

use crate::deliver::{Deliverer, Parts};
use crate::seal::SealError;
use crate::secret::Secret;
use crate::send::Sender;
use crate::store::{Letter, change};
use crate::subscription::{Previous, State, Subscription};
use create::before;

/// Subscriptions, and their delivery.
pub struct Webhooks {
    parts: Parts,
    entropy: Entropy,
    leases: Arc<dyn Leases>,
    replica: String,
    max: u32,
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks")
            .field("replica", &self.replica)
            .finish_non_exhaustive()
    }
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
