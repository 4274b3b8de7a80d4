//! Why something was not done.

use countersign_event_store::LogError;
use uuid::Uuid;

use crate::message;
use crate::policy::UrlRefused;
use crate::seal::SealError;
use crate::store::StoreError;

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

impl From<message::MessageError> for WebhookError {
    fn from(error: message::MessageError) -> Self {
        match error {
            message::MessageError::Secret(error) => Self::Secret(error),
            message::MessageError::Write(error) => Self::Internal(error.to_string()),
        }
    }
}
