//! The session coordinator: a process manager fed from the log.
//!
//! Every replica runs one. What it owes (invitations, deadlines, commands to
//! keys) is settled by the events that answer it, so it does not matter which
//! replica acts, nor whether two do. The one that appended what it follows from
//! acts first, so that mostly one does.
//!
//! While this replica does not reach the bus, and for a moment after, it fails no
//! attempt for parties that it could not hear; sessions expire all the same.

mod act;
mod invite;
mod rests;
mod start;
mod take;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ids::SessionId;
use countersign_domain::process::ProcessManager;
use countersign_event_store::{LogError, subscribe};
use countersign_messaging::BusError;
use futures::StreamExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::service::Commands;
use crate::{metrics, relay, responder, rosters};
use rests::Rests;

/// How often an awaited party is invited again, and how long what another replica
/// should do is left to it.
const INVITE_AGAIN: Duration = Duration::from_secs(1);

/// How long at least between two looks at the deadlines …
const PAUSE: Duration = Duration::from_millis(10);

/// … and while something fails.
const RETRY: Duration = Duration::from_millis(200);

/// How many events are taken at once.
const BATCH: usize = 256;

/// Why the command side stopped working.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The bus takes no commands of parties.
    #[error("the bus cannot be used")]
    Bus(#[from] BusError),
    /// The log cannot be followed.
    #[error("the event log cannot be followed")]
    Log(#[from] LogError),
}

impl Commands {
    /// Coordinates, relays and answers parties until cancelled. A bus or a log that
    /// is away for a while is waited for.
    ///
    /// # Errors
    /// [`RunError`] when the bus or the log is of no use any more.
    pub async fn run(self: Arc<Self>, cancelled: CancellationToken) -> Result<(), RunError> {
        self.stopped.send_replace(false);
        self.repository.own().keep(true);
        let answering = TaskTracker::new();
        let mut coordinator = Coordinator::new(self.clone());
        let ended = tokio::select! {
            () = cancelled.cancelled() => Ok(()),
            error = relay::run(
                self.repository.log().clone(),
                self.feed.clone(),
                self.leases.clone(),
                self.replica.clone(),
                self.relayed.clone(),
            ) => Err(error.into()),
            error = responder::run(self.clone(), &answering) => Err(error.into()),
            error = coordinator.run() => Err(error.into()),
            () = rosters::watch(&self.presence, &self.clock) => Ok(()),
        };
        self.ready.send_replace(false);
        self.stopped.send_replace(true);
        self.repository.own().keep(false);
        // Parties get the answers to what is being written.
        answering.close();
        answering.wait().await;
        coordinator.save().await;
        ended
    }
}

struct Coordinator {
    commands: Arc<Commands>,
    process: ProcessManager,
    /// When each open session was last invited to.
    invited: HashMap<SessionId, Instant>,
    /// The sessions and keys for which something failed, or is left to others.
    rests: Rests,
    /// When deadlines were last looked at.
    ticked: Instant,
    /// The last event that was seen.
    position: u64,
    /// What was kept as the start of the next run, and when.
    saved: (u64, Instant),
}

impl Coordinator {
    fn new(commands: Arc<Commands>) -> Self {
        Self {
            commands,
            process: ProcessManager::default(),
            invited: HashMap::new(),
            rests: Rests::default(),
            ticked: Instant::now(),
            position: 0,
            saved: (0, Instant::now()),
        }
    }

    /// Goes on until the log is of no use any more.
    async fn run(&mut self) -> LogError {
        let log = self.commands.repository.log().clone();
        let head = match self.begin().await {
            Ok(head) => head,
            Err(error) => return error,
        };
        let mut events = std::pin::pin!(subscribe(log, self.position).ready_chunks(BATCH));
        loop {
            if self.position >= head && !self.is_ready() {
                self.commands.ready.send_replace(true);
                tracing::info!(position = self.position, "coordinating");
                self.tick().await;
            }
            let wake = self.wake();
            tokio::select! {
                batch = events.next() => {
                    let Some(batch) = batch else { return LogError::Closed };
                    let touched = match self.take(batch) {
                        Ok(touched) => touched,
                        Err(error) => return error,
                    };
                    if self.is_ready() {
                        for session in touched {
                            self.invite(session).await;
                        }
                        self.follow_up_all().await;
                    }
                }
                () = tokio::time::sleep_until(wake) => self.tick().await,
            }
        }
    }

    fn is_ready(&self) -> bool {
        *self.commands.ready.borrow()
    }

    fn is_bus_away(&self) -> bool {
        self.commands.bus_away().is_some()
    }

    /// When to look at the clock again. Events between do not put it off.
    fn wake(&self) -> Instant {
        let deadline = self.process.next_deadline().map(|at| {
            let left = (at - self.commands.now()).to_std().unwrap_or_default();
            Instant::now() + left.min(INVITE_AGAIN)
        });
        // Not a busy loop, should a deadline not go away at once.
        let steady = self.commands.health.is_bus_steady(&*self.commands.bus);
        let pause = if self.rests.is_failing() || !steady {
            RETRY
        } else {
            PAUSE
        };
        [deadline, self.rests.next()]
            .into_iter()
            .flatten()
            .fold(self.ticked + INVITE_AGAIN, Instant::min)
            .max(self.ticked + pause)
    }

    /// Does what the clock says.
    async fn tick(&mut self) {
        self.ticked = Instant::now();
        self.commands.waiter.sweep();
        metrics::open_sessions(&self.process);
        metrics::bus_reachable(!self.is_bus_away());
        self.look_at_log().await;
        if self.is_ready() {
            self.act().await;
            self.invite_all().await;
            self.follow_up_all().await;
        }
        self.save_now_and_then().await;
    }
}
