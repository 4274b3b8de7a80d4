//! What is tried at once, because somebody asks for it.

use uuid::Uuid;

use super::{Attempted, WebhookError, Webhooks};
use crate::message;
use crate::send::{Link, Outcome};
use crate::store::{Letter, change};
use crate::subscription::{DeadLetter, Subscription};

impl Webhooks {
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
}
