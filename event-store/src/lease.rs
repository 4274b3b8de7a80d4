//! Leases: work that one process at a time does for all, such as relaying.

mod held;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::LogError;

pub use held::{Lease, LeasedWork, Terms, while_held};

/// Grants named leases for a time.
///
/// A lease is a matter of economy and order, never of safety: whoever was slow may
/// still believe to hold one. What must not happen twice is fenced where it happens.
#[async_trait]
pub trait Leases: Send + Sync + Debug {
    /// Takes the lease `name` for `holder`, or renews it, for `ttl` from now by the
    /// clock of the grantor. False when another holds it.
    ///
    /// # Errors
    ///
    /// When the grantor cannot be asked.
    async fn acquire(&self, name: &str, holder: &str, ttl: Duration) -> Result<bool, LogError>;

    /// Gives the lease back, if `holder` has it.
    ///
    /// # Errors
    ///
    /// When the grantor cannot be asked; the lease then ends by itself.
    async fn release(&self, name: &str, holder: &str) -> Result<(), LogError>;

    /// Who holds the lease now.
    ///
    /// # Errors
    ///
    /// When the grantor cannot be asked.
    async fn holder(&self, name: &str) -> Result<Option<String>, LogError>;
}

/// Where all is one process: everything is granted.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalLeases;

#[async_trait]
impl Leases for LocalLeases {
    async fn acquire(&self, _: &str, _: &str, _: Duration) -> Result<bool, LogError> {
        Ok(true)
    }

    async fn release(&self, _: &str, _: &str) -> Result<(), LogError> {
        Ok(())
    }

    async fn holder(&self, _: &str) -> Result<Option<String>, LogError> {
        Ok(None)
    }
}
