//! The relay: publishes every committed event in the feed, in the order of the log.
//!
//! One replica at a time relays, by lease. The lease saves work and no more: two
//! that both believe to hold it cannot interleave, because the feed takes an event
//! only after its predecessor. Where to go on is asked of the feed, so nothing is
//! lost or repeated by a relay that stops at any point.

mod lead;
mod lease;
mod metrics;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use countersign_event_store::{EventLog, Leases, LogError};
use countersign_messaging::EventFeed;

use tokio::sync::watch;

use lead::Relay;
use lease::Lease;
pub(crate) use metrics::describe;

/// Relays whenever this replica holds the lease, until the log is of no use, and tells
/// up to which position.
pub(crate) async fn run(
    log: Arc<dyn EventLog>,
    feed: Arc<dyn EventFeed>,
    leases: Arc<dyn Leases>,
    replica: String,
    relayed: watch::Sender<u64>,
) -> LogError {
    let mut relay = match Relay::new(log, feed, relayed).await {
        Ok(relay) => relay,
        Err(error) => return error,
    };
    let mut lease = Lease::new(leases, replica);
    loop {
        if let Err(error) = lease.take().await {
            return error;
        }
        metrics::leads(true);
        tracing::info!("relaying");
        let ended = tokio::select! {
            error = relay.lead() => Some(error),
            error = lease.keep() => error,
        };
        metrics::leads(false);
        match ended {
            Some(error) => return error,
            None => tracing::warn!("another replica relays now"),
        }
    }
}
