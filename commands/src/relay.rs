//! The relay: publishes every committed event in the feed, in the order of the log.
//!
//! One replica at a time relays, by lease. The lease saves work and no more: two
//! that both believe to hold it cannot interleave, because the feed takes an event
//! only after its predecessor. Where to go on is asked of the feed, so nothing is
//! lost or repeated by a relay that stops at any point.

mod lead;
mod metrics;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use countersign_event_store::{EventLog, Lease, LeasedWork, Leases, LogError, Terms, while_held};
use countersign_messaging::EventFeed;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use lead::Relay;
pub(crate) use metrics::describe;

/// The lease of the replica that relays. Another relays within five seconds when its
/// holder is killed.
const LEASE: &str = "relay";
const TERMS: Terms = Terms {
    ttl: Duration::from_secs(4),
    renewal: Duration::from_secs(1),
    standby: Duration::from_secs(1),
};

/// Relays whenever this replica holds the lease, until the log is of no use, and tells
/// up to which position.
pub(crate) async fn run(
    log: Arc<dyn EventLog>,
    feed: Arc<dyn EventFeed>,
    leases: Arc<dyn Leases>,
    replica: String,
    relayed: watch::Sender<u64>,
) -> LogError {
    let relay = match Relay::new(log, feed, relayed).await {
        Ok(relay) => relay,
        Err(error) => return error,
    };
    let lease = Lease {
        leases,
        name: LEASE,
        holder: replica,
        terms: TERMS,
    };
    // Nothing stops it but what it fails with.
    let ended = while_held(lease, CancellationToken::new(), relay).await;
    ended.err().unwrap_or(LogError::Closed)
}

impl LeasedWork for Relay {
    async fn work(&mut self, held: CancellationToken) -> Result<(), LogError> {
        metrics::leads(true);
        let failed = held.run_until_cancelled(self.lead()).await;
        metrics::leads(false);
        failed.map_or(Ok(()), Err)
    }
}
