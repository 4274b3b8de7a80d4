//! The session coordinator: a process manager fed from the log.
//!
//! Every replica runs one. What it owes (invitations, deadlines, commands to
//! keys) is settled by the events that answer it, so it does not matter which
//! replica acts, nor whether two do.

mod act;
mod invite;
mod rests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ids::SessionId;
use countersign_domain::key::KeyEvent;
use countersign_domain::process::ProcessManager;
use countersign_domain::session::{SessionEvent, SessionStatus};
use countersign_event_store::{Decoded, Envelope, EventLog, LogError, subscribe};
use countersign_messaging::BusError;
use futures::StreamExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::service::Commands;
use crate::{relay, responder};
use rests::Rests;

/// How often an awaited party is invited again.
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
    /// The bus has shut down.
    #[error("the bus has shut down")]
    BusClosed,
    /// The log cannot be followed.
    #[error("the event log cannot be followed")]
    Log(#[from] LogError),
}

impl Commands {
    /// Coordinates, relays and answers parties until cancelled.
    ///
    /// `relay_from` is the position after which events are published on the bus.
    ///
    /// # Errors
    /// [`RunError`] when the bus or the log is of no use any more.
    pub async fn run(
        self: Arc<Self>,
        relay_from: u64,
        cancelled: CancellationToken,
    ) -> Result<(), RunError> {
        self.stopped.send_replace(false);
        let log = self.repository.log().clone();
        let answering = TaskTracker::new();
        let ended = tokio::select! {
            () = cancelled.cancelled() => Ok(()),
            error = relay::run(log, self.bus.clone(), relay_from) => Err(error.into()),
            result = responder::run(self.clone(), &answering) => {
                Err(result.map_or_else(RunError::from, |()| RunError::BusClosed))
            }
            error = Coordinator::new(self.clone()).run() => Err(error.into()),
        };
        self.ready.send_replace(false);
        self.stopped.send_replace(true);
        // Parties get the answers to what is being written.
        answering.close();
        answering.wait().await;
        ended
    }
}

struct Coordinator {
    commands: Arc<Commands>,
    process: ProcessManager,
    /// When each open session was last invited to.
    invited: HashMap<SessionId, Instant>,
    /// The sessions and keys for which something failed.
    rests: Rests,
    /// When deadlines were last looked at.
    ticked: Instant,
    position: u64,
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
        }
    }

    /// Goes on until the log is of no use any more.
    async fn run(mut self) -> LogError {
        let log = self.commands.repository.log().clone();
        let head = match head(&*log).await {
            Ok(head) => head,
            Err(error) => return error,
        };
        let mut events = std::pin::pin!(subscribe(log, 0).ready_chunks(BATCH));
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

    /// When to look at the clock again. Events between do not put it off.
    fn wake(&self) -> Instant {
        let deadline = self.process.next_deadline().map(|at| {
            let left = (at - self.commands.now()).to_std().unwrap_or_default();
            Instant::now() + left.min(INVITE_AGAIN)
        });
        // Not a busy loop, should a deadline not go away at once.
        let pause = if self.rests.is_empty() { PAUSE } else { RETRY };
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
        if self.is_ready() {
            self.act().await;
            self.invite_all().await;
            self.follow_up_all().await;
        }
    }

    /// Takes events; returns the sessions whose invitations may have changed.
    fn take(
        &mut self,
        batch: Vec<Result<Arc<Envelope>, LogError>>,
    ) -> Result<BTreeSet<SessionId>, LogError> {
        let mut touched = BTreeSet::new();
        for event in batch {
            let envelope = match event {
                Ok(envelope) => envelope,
                Err(error) if is_final(&error) => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "the coordinator cannot read the log");
                    continue;
                }
            };
            self.position = envelope.position;
            // What cannot be decoded is told of below.
            let _ = self.commands.repository.observe(&envelope);
            match self.commands.repository.decoder().decode(&envelope) {
                Ok(Decoded::Session(id, event)) => {
                    if self.session(id, &event, &envelope) {
                        touched.insert(id);
                    }
                }
                Ok(Decoded::Key(id, event)) => {
                    self.process.observe_key(id, &event);
                    if matches!(
                        event,
                        KeyEvent::KeyActivated { .. } | KeyEvent::KeyRetired { .. }
                    ) {
                        self.rests.over(id.0);
                        self.commands.waiter.resolve(id.0);
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, position = envelope.position, "an event was passed over");
                }
            }
        }
        Ok(touched)
    }

    /// Takes a session event; tells whether invitations may be owed by it.
    fn session(&mut self, id: SessionId, event: &SessionEvent, envelope: &Envelope) -> bool {
        let signers = |process: &ProcessManager| {
            process
                .session(id)
                .map(|state| state.signers.clone())
                .unwrap_or_default()
        };
        let before = signers(&self.process);
        self.process
            .observe_session(id, event, envelope.recorded_at);
        let after = signers(&self.process);
        self.commands.load.change(&before, &after);
        if self.process.session(id).is_none() {
            self.invited.remove(&id);
            self.rests.over(id.0);
            self.commands.waiter.resolve(id.0);
        }
        matches!(
            event,
            SessionEvent::SessionCreated { .. } | SessionEvent::AttemptFailed { .. }
        )
    }

    async fn invite_all(&mut self) {
        let now = Instant::now();
        let open: Vec<_> = self
            .process
            .open_sessions()
            .filter(|session| {
                let waiting = self
                    .process
                    .session(*session)
                    .is_some_and(|state| state.status != SessionStatus::InProgress);
                let since = self.invited.get(session).map(|at| now - *at);
                waiting && since.is_none_or(|since| since >= INVITE_AGAIN)
            })
            .collect();
        for session in open {
            self.invite(session).await;
        }
    }

    async fn invite(&mut self, session: SessionId) {
        let owed = self.process.invitations(session);
        let Some(state) = self.process.session(session) else {
            return;
        };
        if owed.is_empty() || state.asked.expires_at <= self.commands.now() {
            return;
        }
        self.invited.insert(session, Instant::now());
        for invitation in owed {
            if let Err(error) = self.commands.invite(state, &invitation.party).await {
                tracing::warn!(%session, party = %invitation.party, %error, "not invited; again soon");
            }
        }
    }
}

/// Whether the log is of no use any more.
pub(crate) fn is_final(error: &LogError) -> bool {
    matches!(
        error,
        LogError::Closed | LogError::Damaged { .. } | LogError::Gap { .. }
    )
}

/// The head of the log, asked until it answers.
async fn head(log: &dyn EventLog) -> Result<u64, LogError> {
    loop {
        match log.head().await {
            Err(error) if !is_final(&error) => {
                tracing::warn!(%error, "the coordinator cannot read the log");
                tokio::time::sleep(RETRY).await;
            }
            answer => return answer,
        }
    }
}
