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
mod lease;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_event_store::{EventLog, Leases, LogError, Owners};
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
use lease::Lease;

/// How often changes are looked for, and the lease is renewed.
const TICK: Duration = Duration::from_secs(1);

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
        let mut lease = Lease::new(self.leases.clone(), self.replica.clone());
        loop {
            let taken = tokio::select! {
                () = stop.cancelled() => return,
                taken = lease.take() => taken,
            };
            if taken.is_err() {
                return;
            }
            tracing::info!(replica = self.replica, "delivering webhooks");
            metrics::leading(true);
            let ended = self.lead(&mut lease, &stop).await;
            metrics::leading(false);
            if ended {
                return;
            }
            tracing::warn!("another process delivers webhooks now");
        }
    }

    /// Sees to all subscriptions while the lease is held. Returns whether it is over
    /// for good.
    async fn lead(&self, lease: &mut Lease, stop: &CancellationToken) -> bool {
        let mut seen: HashMap<Uuid, Seen> = HashMap::new();
        // What is dropped with it, when the lease is lost, is cut off at once.
        let mut courses = JoinSet::new();
        let mut failing = false;
        let over = loop {
            // No longer than the lease lasts.
            let looked = timeout(2 * TICK, self.look(&mut seen, &mut courses, stop));
            let looked = looked.await.unwrap_or_else(|_| {
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
                () = stop.cancelled() => break true,
                () = tokio::time::sleep(TICK) => {}
                () = self.parts.changed.notified() => {}
            }
            match lease.renew().await {
                Ok(true) => {}
                Ok(false) => break false,
                Err(LogError::Closed) => break true,
                Err(_) => break false,
            }
            // Those that are over leave room.
            while courses.try_join_next().is_some() {}
        };
        if over {
            let last = async { while courses.join_next().await.is_some() {} };
            // They look at `stop` themselves, between attempts.
            if timeout(LAST_ATTEMPT, last).await.is_err() {
                tracing::warn!("messages that were under way were cut off; they are sent again");
            }
        }
        over
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
