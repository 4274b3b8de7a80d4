//! Follows the log for all who listen.

use std::sync::Arc;
use std::time::Duration;

use countersign_event_store::{Envelope, LogError, Owner, Subscription};
use futures::StreamExt as _;
use tokio::time::sleep;

use super::batch::Batch;
use super::hub::Hub;
use super::ring::Ring;

/// How many events are taken at once.
const EVENTS: usize = 512;

/// How long to wait before a failed log is asked again.
const RETRY: Duration = Duration::from_millis(500);

/// To wake a client costs the same for one event as for many, so what is appended
/// meanwhile gathers for so long a client, and …
const GATHER: Duration = Duration::from_micros(100);

/// … for no longer than this.
const GATHER_AT_MOST: Duration = Duration::from_millis(50);

/// Fills the ring, from the head on, until the log is closed.
pub(super) async fn follow(hub: Arc<Hub>, ring: Arc<Ring>) {
    let Some(head) = head(&hub).await else {
        return ring.close();
    };
    ring.begin(head);
    let events = Subscription::new(hub.log.clone(), head).stream();
    let mut chunks = events.ready_chunks(EVENTS);
    let mut failing = false;
    while let Some(chunk) = chunks.next().await {
        let mut owned = Vec::with_capacity(chunk.len());
        for item in chunk {
            match item {
                Ok(event) => {
                    failing = false;
                    let owner = owner(&hub, &event).await;
                    owned.push((event, owner));
                }
                // The subscription tries again from where it was, or ends.
                Err(LogError::Closed) => {}
                Err(error) => {
                    if !failing {
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(error, "the log cannot be followed for event streams");
                    }
                    failing = true;
                }
            }
        }
        match Batch::write(owned) {
            Ok(batches) => batches.into_iter().for_each(|batch| ring.push(batch)),
            Err(error) => {
                // Clients would miss it: they shall come back and be told so.
                tracing::error!(%error, "an event cannot be written for event streams");
                return ring.close();
            }
        }
        let clients = u32::try_from(hub.count()).unwrap_or(u32::MAX);
        sleep(GATHER.saturating_mul(clients).min(GATHER_AT_MOST)).await;
    }
    ring.close();
}

async fn head(hub: &Hub) -> Option<u64> {
    loop {
        match hub.log.head().await {
            Ok(head) => return Some(head),
            Err(LogError::Closed) => return None,
            // The requests of the clients have told of it.
            Err(_) => sleep(RETRY).await,
        }
    }
}

/// An event goes out to those it belongs to, so it waits until that is known.
async fn owner(hub: &Hub, event: &Envelope) -> Owner {
    let mut failing = false;
    loop {
        match hub.owners.of(event).await {
            Ok(owner) => return owner,
            Err(error) => {
                if !failing {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "the owner of an event cannot be looked up");
                }
                failing = true;
                sleep(RETRY).await;
            }
        }
    }
}
