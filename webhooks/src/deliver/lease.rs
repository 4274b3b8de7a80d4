//! The lease of the process that delivers.

use std::sync::Arc;
use std::time::Duration;

use countersign_event_store::{Leases, LogError};
use tokio::time::{Instant, sleep, timeout};

use super::TICK;

/// Its name.
const NAME: &str = "webhooks";

/// How long it lasts: as long as events may wait when its holder is killed.
const TTL: Duration = Duration::from_secs(6);

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

    /// Waits until it is held; an error when the log is closed.
    pub(super) async fn take(&mut self) -> Result<(), LogError> {
        let mut away = false;
        loop {
            match self.acquire().await {
                Ok(true) => return Ok(()),
                Ok(false) => away = false,
                Err(LogError::Closed) => return Err(LogError::Closed),
                Err(error) => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!(%error, "the lease for webhooks cannot be asked for");
                    }
                }
            }
            sleep(TICK).await;
        }
    }

    /// Renews it; false when it is lost.
    pub(super) async fn renew(&mut self) -> Result<bool, LogError> {
        match timeout(TICK, self.acquire()).await {
            Ok(Ok(held)) => Ok(held),
            Ok(Err(LogError::Closed)) => Err(LogError::Closed),
            // Held until its end, when another may have it.
            Ok(Err(_)) | Err(_) => {
                let next = Instant::now() + 2 * TICK;
                let held = self.until.is_some_and(|until| next < until);
                if !held {
                    self.until = None;
                }
                Ok(held)
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
                    tracing::debug!(%error, "the lease for webhooks ends by itself");
                }
            });
        }
    }
}
