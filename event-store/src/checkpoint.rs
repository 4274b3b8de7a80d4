//! Checkpoints: how far a follower of the log has come, kept for its next start.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::LogError;

/// Keeps one position for each name.
#[async_trait]
pub trait Checkpoints: Send + Sync + Debug {
    /// The position kept under `name`; 0 when there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    async fn load(&self, name: &str) -> Result<u64, LogError>;

    /// Keeps a position under `name`. One that is less than what is kept changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    async fn save(&self, name: &str, position: u64) -> Result<(), LogError>;
}

/// Keeps nothing: every start is from the beginning.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCheckpoints;

#[async_trait]
impl Checkpoints for NoCheckpoints {
    async fn load(&self, _: &str) -> Result<u64, LogError> {
        Ok(0)
    }

    async fn save(&self, _: &str, _: u64) -> Result<(), LogError> {
        Ok(())
    }
}
