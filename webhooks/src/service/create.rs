//! Makes subscriptions.

use zeroize::Zeroizing;

use super::{NewWebhook, Status, WebhookError, Webhooks};
use crate::seal::SealError;
use crate::secret::Secret;
use crate::subscription::{State, Subscription};

impl Webhooks {
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
}

/// The cursor of one that begins at `from`: it may be as far as the next event.
pub(super) fn before(from: u64, head: u64) -> Result<u64, WebhookError> {
    let next = head + 1;
    if from > next {
        return Err(WebhookError::BeyondHead { wanted: from, next });
    }
    Ok(from.saturating_sub(1))
}
