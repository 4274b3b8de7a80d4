//! The newest checkpoint, told to those who look at the log from outside.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::checkpoint::{CheckpointFault, SignedCheckpoint};
use crate::checkpointer::{CheckpointStore, Kept, StoreError};
use crate::note::VerifierKey;

/// A checkpoint and the key that verifies it. Whoever gets it from an untrusted place
/// trusts neither: a key is pinned from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The checkpoint.
    pub checkpoint: SignedCheckpoint,
    /// The key that signed it.
    pub key: VerifierKey,
}

/// As it travels.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    key: VerifierKey,
    checkpoint: String,
}

/// Why a message is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotPublished {
    /// It is not one.
    #[error("it is no checkpoint with its key")]
    Malformed,
    /// It is by a key that is not the pinned one.
    #[error("it is by the key {found}, not by the pinned {pinned}")]
    OtherKey {
        /// Its key.
        found: String,
        /// The one that was expected.
        pinned: String,
    },
    /// The checkpoint is none, or not signed by its key.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointFault),
}

impl Published {
    /// The bytes of a message.
    #[must_use]
    pub fn to_message(&self) -> Vec<u8> {
        let message = Message {
            key: self.key.clone(),
            checkpoint: self.checkpoint.to_string(),
        };
        serde_json::to_vec(&message).unwrap_or_default()
    }

    /// Reads and verifies a message; with a pinned key, by that one only.
    ///
    /// # Errors
    ///
    /// [`NotPublished`].
    pub fn from_message(bytes: &[u8], pinned: Option<&VerifierKey>) -> Result<Self, NotPublished> {
        let message: Message =
            serde_json::from_slice(bytes).map_err(|_| NotPublished::Malformed)?;
        let key = message.key;
        if let Some(pinned) = pinned.filter(|pinned| **pinned != key) {
            return Err(NotPublished::OtherKey {
                found: key.to_string(),
                pinned: pinned.to_string(),
            });
        }
        let checkpoint = SignedCheckpoint::parse(&message.checkpoint)?;
        checkpoint.verify(std::slice::from_ref(&key))?;
        let (found, expected) = (&checkpoint.checkpoint().origin, key.name());
        if found != expected {
            return Err(CheckpointFault::Origin {
                found: found.clone(),
                expected: expected.to_owned(),
            }
            .into());
        }
        Ok(Self { checkpoint, key })
    }

    /// Whether it goes on from `before`: by the same key, and over more events.
    #[must_use]
    pub fn is_newer_than(&self, before: &Self) -> bool {
        let size = |published: &Self| published.checkpoint.checkpoint().size;
        self.key == before.key && size(self) > size(before)
    }
}

/// A store of checkpoints that tells the newest to whoever subscribes.
#[derive(Debug)]
pub struct Publishing {
    store: Arc<dyn CheckpointStore>,
    key: VerifierKey,
    newest: watch::Sender<Option<Published>>,
}

impl Publishing {
    /// Keeps checkpoints by this key in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn CheckpointStore>, key: VerifierKey) -> Self {
        Self {
            store,
            key,
            newest: watch::Sender::new(None),
        }
    }

    /// The newest checkpoint that was kept; none before the first one is known.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<Option<Published>> {
        self.newest.subscribe()
    }

    fn tell(&self, checkpoint: &SignedCheckpoint) {
        // One by another key is refused by whoever goes on from it.
        if checkpoint.verify(std::slice::from_ref(&self.key)).is_ok() {
            self.newest.send_replace(Some(Published {
                checkpoint: checkpoint.clone(),
                key: self.key.clone(),
            }));
        }
    }
}

#[async_trait]
impl CheckpointStore for Publishing {
    async fn latest(&self) -> Result<Option<Kept>, StoreError> {
        let latest = self.store.latest().await?;
        if let Some(kept) = &latest {
            self.tell(&kept.checkpoint);
        }
        Ok(latest)
    }

    async fn save(&self, kept: &Kept) -> Result<(), StoreError> {
        self.store.save(kept).await?;
        self.tell(&kept.checkpoint);
        Ok(())
    }
}
