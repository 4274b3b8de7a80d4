//! Delivers: one process at a time for all, one task a subscription.
//!
//! Invariants:
//!
//! - events go to a receiver one after the other, in the order of the log;
//! - the cursor of a subscription moves past an event only when the receiver took it,
//!   or when it was set aside, and it moves in the store before the next one is sent:
//!   so an event is sent once or, when a process or a lease ends in between, again;
//! - whoever lost the lease and does not know it yet may send an event again, but
//!   cannot move a cursor that another has moved.

mod course;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_event_store::{
    EventLog, Lease, LeasedWork, Leases, LogError, Owners, Terms, while_held,
};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::clock::Clock;
use crate::metrics;
use crate::schedule::Schedule;
use crate::seal::SealKey;
use crate::send::Sender;
use crate::store::{StoreError, WebhookStore};
use course::Course;

/// How often changes are looked for.
const TICK: Duration = Duration::from_secs(1);

/// The lease of the process that delivers.
const LEASE: &str = "webhooks";
const TERMS: Terms = Terms {
    ttl: Duration::from_secs(6),
    renewal: TICK,
    standby: TICK,
};

/// How long the attempts that run may take to end when the process is to end.
const LAST_ATTEMPT: Duration = Duration::from_secs(5);

/// What a [`Deliverer`] is made of.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) owners: Arc<Owners>,
    pub(crate) store: Arc<dyn WebhookStore>,
    pub(crate) key: SealKey,
    pub(crate) sender: Arc<Sender>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) schedule: Schedule,
    pub(crate) disable_after: u32,
    /// How many messages are under way at once.
    pub(crate) turns: Arc<Semaphore>,
    /// Somebody in this process has changed a subscription.
    pub(crate) changed: Arc<Notify>,
}

/// Delivers while it holds the lease.
#[derive(Debug)]
pub(crate) struct Deliverer {
    parts: Parts,
    leases: Arc<dyn Leases>,
    replica: String,
}

/// What it does while it holds the lease.
struct Leading {
    deliverer: Deliverer,
    stop: CancellationToken,
}

impl LeasedWork for Leading {
    async fn work(&mut self, held: CancellationToken) -> Result<(), LogError> {
        metrics::leading(true);
        self.deliverer.lead(&held, &self.stop).await;
        metrics::leading(false);
        Ok(())
    }
}

/// A subscription that is seen to.
struct Seen {
    generation: watch::Sender<u64>,
}

impl Deliverer {
    pub(crate) fn new(parts: Parts, leases: Arc<dyn Leases>, replica: String) -> Self {
        Self {
            parts,
            leases,
            replica,
        }
    }

    /// Runs until `stop`, or until the log is closed.
    pub(crate) async fn run(self, stop: CancellationToken) {
        metrics::leading(false);
        let lease = Lease {
            leases: self.leases.clone(),
            name: LEASE,
            holder: self.replica.clone(),
            terms: TERMS,
        };
        let work = Leading {
            deliverer: self,
            stop: stop.clone(),
        };
        match while_held(lease, stop, work).await {
            Ok(()) | Err(LogError::Closed) => {}
            Err(error) => tracing::error!(%error, "no webhook is delivered any more"),
        }
    }

    /// Sees to all subscriptions while the lease is held.
    async fn lead(&self, held: &CancellationToken, stop: &CancellationToken) {
        let mut seen: HashMap<Uuid, Seen> = HashMap::new();
        // What is dropped with it, when the lease is lost, is cut off at once.
        let mut courses = JoinSet::new();
        let mut failing = false;
        loop {
            let look = timeout(2 * TICK, self.look(&mut seen, &mut courses, stop));
            let Some(looked) = held.run_until_cancelled(look).await else {
                break;
            };
            let looked = looked.unwrap_or_else(|_| {
                Err(StoreError::new(
                    "listing subscriptions",
                    "no answer in time",
                ))
            });
            match looked {
                Ok(()) => failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(error, "subscriptions cannot be read");
                    }
                }
            }
            tokio::select! {
                () = held.cancelled() => break,
                () = tokio::time::sleep(TICK) => {}
                () = self.parts.changed.notified() => {}
            }
            // Those that are over leave room.
            while courses.try_join_next().is_some() {}
        }
        if stop.is_cancelled() {
            let last = async { while courses.join_next().await.is_some() {} };
            // They look at `stop` themselves, between attempts.
            if timeout(LAST_ATTEMPT, last).await.is_err() {
                tracing::warn!("messages that were under way were cut off; they are sent again");
            }
        }
    }

    /// Begins with those that are new, and tells those that were changed.
    async fn look(
        &self,
        seen: &mut HashMap<Uuid, Seen>,
        courses: &mut JoinSet<()>,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let all = self.parts.store.list().await?;
        let head = *self.parts.log.wake().borrow();
        for subscription in &all {
            metrics::lag(subscription.id, head.saturating_sub(subscription.cursor));
            let generation = subscription.generation;
            if let Some(known) = seen.get(&subscription.id)
                && !known.generation.is_closed()
            {
                known
                    .generation
                    .send_if_modified(|known| std::mem::replace(known, generation) != generation);
                continue;
            }
            let (sender, receiver) = watch::channel(generation);
            let course = Course::new(self.parts.clone(), subscription.id, receiver, stop.clone());
            courses.spawn(course.run());
            let it = Seen { generation: sender };
            seen.insert(subscription.id, it);
        }
        seen.retain(|id, _| {
            let there = all.iter().any(|subscription| subscription.id == *id);
            if !there {
                metrics::lag(*id, 0);
            }
            there
        });
        Ok(())
    }
}
