//! Where subscriptions are kept.
//!
//! Several processes change them: those that are asked to, and the one that delivers.
//! So a change names the revision that it was made from, and does not happen when
//! another came first.

#[cfg(feature = "conformance")]
pub mod conformance;
mod postgres;
mod sqlite;

use std::fmt::Debug;

use async_trait::async_trait;
use uuid::Uuid;

use crate::subscription::{DeadLetter, Subscription};
pub use postgres::PostgresWebhooks;
pub use sqlite::SqliteWebhooks;

/// The store cannot be used now.
#[derive(Debug, thiserror::Error)]
#[error("webhooks: {operation} failed")]
pub struct StoreError {
    /// What was being done.
    operation: &'static str,
    /// The cause.
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl StoreError {
    /// A failure while doing `operation`.
    pub fn new(
        operation: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            operation,
            source: source.into(),
        }
    }
}

/// What happens to a dead letter together with a change of its subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Letter {
    /// Nothing.
    Keep,
    /// It is put there, in the place of one of the same position.
    Put(DeadLetter),
    /// It is taken away, if it is there.
    Take(u64),
}

/// Keeps subscriptions and their dead letters.
#[async_trait]
pub trait WebhookStore: Send + Sync + Debug {
    /// Adds a subscription, unless there are `max` of them, or one with its id: then it
    /// returns false.
    ///
    /// # Errors
    ///
    /// When the store cannot be used.
    async fn insert(&self, subscription: &Subscription, max: u32) -> Result<bool, StoreError>;

    /// One of them.
    ///
    /// # Errors
    ///
    /// When the store cannot be used.
    async fn get(&self, id: Uuid) -> Result<Option<Subscription>, StoreError>;

    /// All of them, the oldest first.
    ///
    /// # Errors
    ///
    /// When the store cannot be used.
    async fn list(&self) -> Result<Vec<Subscription>, StoreError>;

    /// Changes a subscription and a dead letter of it, both or none, if it is at the
    /// revision that it was read at; false when it is not, or not there.
    ///
    /// # Errors
    ///
    /// When the store cannot be used; the change may have happened.
    async fn replace(
        &self,
        subscription: &Subscription,
        letter: &Letter,
    ) -> Result<bool, StoreError>;

    /// Takes away a subscription with its dead letters; false when there is none.
    ///
    /// # Errors
    ///
    /// When the store cannot be used; the change may have happened.
    async fn remove(&self, id: Uuid) -> Result<bool, StoreError>;

    /// Up to `limit` dead letters after a position, in order.
    ///
    /// # Errors
    ///
    /// When the store cannot be used.
    async fn dead_letters(
        &self,
        id: Uuid,
        after: u64,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError>;

    /// How many dead letters each subscription has; none where there are none.
    ///
    /// # Errors
    ///
    /// When the store cannot be used.
    async fn count_dead_letters(&self) -> Result<Vec<(Uuid, u64)>, StoreError>;
}

/// Changes a subscription as it is now: `change` says what becomes of a dead letter,
/// or that nothing is to be changed. None when there is no such subscription.
pub(crate) async fn change(
    store: &dyn WebhookStore,
    id: Uuid,
    mut change: impl FnMut(&mut Subscription) -> Option<Letter> + Send,
) -> Result<Option<Subscription>, StoreError> {
    loop {
        let Some(mut subscription) = store.get(id).await? else {
            return Ok(None);
        };
        let Some(letter) = change(&mut subscription) else {
            return Ok(Some(subscription));
        };
        if store.replace(&subscription, &letter).await? {
            subscription.revision += 1;
            return Ok(Some(subscription));
        }
    }
}
