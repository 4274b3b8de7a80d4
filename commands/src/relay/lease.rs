//! The lease of the replica that relays.

use std::sync::Arc;
use std::time::Duration;

use countersign_event_store::{Leases, LogError};
use tokio::time::{Instant, sleep, timeout};

use crate::coordinator::is_final;

/// Its name.
const NAME: &str = "relay";

/// How long it lasts: as long as events may wait when the holder is killed.
const TTL: Duration = Duration::from_secs(4);

/// How often it is renewed, and asked for by those that do not have it.
const RENEW: Duration = Duration::from_secs(1);

/// Given back when dropped, so that another need not wait for its end.
pub(super) struct Lease {
    leases: Arc<dyn Leases>,
    replica: String,
    /// Until when it is held at least, by the clock of this process.
    until: Option<Instant>,
}

impl Lease {
    pub(super) fn new(leases: Arc<dyn Leases>, replica: String) -> Self {
        Self {
            leases,
            replica,
            until: None,
        }
    }

    /// Waits until it is held.
    ///
    /// # Errors
    /// When the log is of no use any more.
    pub(super) async fn take(&mut self) -> Result<(), LogError> {
        let mut away = false;
        loop {
            match self.acquire().await {
                Ok(true) => return Ok(()),
                Ok(false) => away = false,
                Err(error) if is_final(&error) => return Err(error),
                Err(error) => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!(%error, "the lease for relaying cannot be asked for");
                    }
                }
            }
            sleep(RENEW).await;
        }
    }

    /// Renews it until it is lost; an error when the log is of no use any more.
    pub(super) async fn keep(&mut self) -> Option<LogError> {
        loop {
            sleep(RENEW).await;
            match timeout(RENEW, self.acquire()).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return None,
                Ok(Err(error)) if is_final(&error) => return Some(error),
                // Held until its end, when another may have it.
                Ok(Err(_)) | Err(_) => {
                    let next = Instant::now() + RENEW;
                    if self.until.is_none_or(|until| until <= next) {
                        self.until = None;
                        return None;
                    }
                }
            }
        }
    }

    async fn acquire(&mut self) -> Result<bool, LogError> {
        let asked = Instant::now();
        let held = self.leases.acquire(NAME, &self.replica, TTL).await?;
        self.until = held.then(|| asked + TTL);
        Ok(held)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.until.is_none() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (leases, replica) = (self.leases.clone(), std::mem::take(&mut self.replica));
            runtime.spawn(async move {
                if let Err(error) = leases.release(NAME, &replica).await {
                    tracing::debug!(%error, "the lease for relaying ends by itself");
                }
            });
        }
    }
}
