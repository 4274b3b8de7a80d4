//! The session coordinator: a process manager fed from the log.
//!
//! Every replica runs one. What it owes (invitations, deadlines, commands to
//! keys) is settled by the events that answer it, so it does not matter which
//! replica acts, nor whether two do.

mod invite;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ids::SessionId;
use countersign_domain::key::{KeyCommand, KeyEvent};
use countersign_domain::process::{Due, FollowUp, ProcessManager};
use countersign_domain::session::{SessionEvent, SessionStatus};
use countersign_event_store::{Decoded, Envelope, LogError, subscribe};
use countersign_messaging::BusError;
use futures::StreamExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::CommandError;
use crate::service::Commands;
use crate::{relay, responder};

/// How often an awaited party is invited again.
const INVITE_AGAIN: Duration = Duration::from_secs(1);

/// How long to wait before what failed is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// How many deadlines are acted on at once.
const AT_ONCE: usize = 64;

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
        let log = self.repository.log().clone();
        let relay = relay::run(log, self.bus.clone(), relay_from);
        let ended = tokio::select! {
            () = cancelled.cancelled() => Ok(()),
            () = relay => Ok(()),
            result = responder::run(self.clone()) => result.map_err(RunError::from),
            result = Coordinator::new(self.clone()).run() => result,
        };
        self.ready.send_replace(false);
        ended
    }
}

struct Coordinator {
    commands: Arc<Commands>,
    process: ProcessManager,
    /// When each open session was last invited to.
    invited: HashMap<SessionId, Instant>,
    position: u64,
}

impl Coordinator {
    fn new(commands: Arc<Commands>) -> Self {
        Self {
            commands,
            process: ProcessManager::default(),
            invited: HashMap::new(),
            position: 0,
        }
    }

    async fn run(mut self) -> Result<(), RunError> {
        let head = self.commands.repository.log().head().await?;
        let log = self.commands.repository.log().clone();
        let mut events = std::pin::pin!(subscribe(log, 0).ready_chunks(BATCH));
        let mut retry_at: Option<Instant> = None;
        loop {
            if self.position >= head && !*self.commands.ready.borrow() {
                self.commands.ready.send_replace(true);
                tracing::info!(position = self.position, "coordinating");
                self.invite_all().await;
                retry_at = self.act().await;
            }
            let wake = self.wake(retry_at);
            tokio::select! {
                batch = events.next() => {
                    let Some(batch) = batch else { return Ok(()) };
                    let touched = self.take(batch)?;
                    if *self.commands.ready.borrow() {
                        for session in touched {
                            self.invite(session).await;
                        }
                        if !self.process.follow_ups().is_empty() {
                            retry_at = self.act().await;
                        }
                    }
                }
                () = tokio::time::sleep_until(wake) => {
                    if *self.commands.ready.borrow() {
                        self.invite_all().await;
                        retry_at = self.act().await;
                    }
                    self.commands.waiter.sweep();
                }
            }
        }
    }

    /// When to look at the clock again.
    fn wake(&self, retry_at: Option<Instant>) -> Instant {
        let now = Instant::now();
        let deadline = self.process.next_deadline().map(|at| {
            let left = (at - self.commands.now()).to_std().unwrap_or_default();
            // Not a busy loop, should a deadline not go away at once.
            now + left.max(Duration::from_millis(10))
        });
        let regular = now + INVITE_AGAIN;
        [deadline, retry_at]
            .into_iter()
            .flatten()
            .fold(regular, Instant::min)
    }

    /// Takes events; returns the sessions whose invitations may have changed.
    fn take(
        &mut self,
        batch: Vec<Result<Arc<Envelope>, LogError>>,
    ) -> Result<BTreeSet<SessionId>, RunError> {
        let mut touched = BTreeSet::new();
        for event in batch {
            let envelope = match event {
                Ok(envelope) => envelope,
                Err(
                    error @ (LogError::Closed | LogError::Damaged { .. } | LogError::Gap { .. }),
                ) => {
                    return Err(error.into());
                }
                Err(error) => {
                    tracing::warn!(%error, "the coordinator cannot read the log");
                    continue;
                }
            };
            self.position = envelope.position;
            if let Err(error) = self.commands.repository.observe(&envelope) {
                tracing::error!(%error, position = envelope.position, "an event was passed over");
            }
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
        if owed.is_empty() {
            return;
        }
        self.invited.insert(session, Instant::now());
        for invitation in owed {
            if let Err(error) = self.commands.invite(state, &invitation.party).await {
                tracing::warn!(%session, party = %invitation.party, %error, "not invited; again soon");
            }
        }
    }

    /// Acts on deadlines and follow-ups; when to try again what failed.
    async fn act(&mut self) -> Option<Instant> {
        let due = self.process.due(self.commands.now());
        let commands = &self.commands;
        let failed: Vec<bool> = futures::stream::iter(due)
            .map(|due: Due| async move {
                match commands.due(due).await {
                    Ok(()) => false,
                    Err(error) => {
                        tracing::warn!(?due, %error, "a deadline could not be acted on");
                        error.is_transient()
                    }
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut again = failed.contains(&true);
        for follow_up in self.process.follow_ups() {
            again |= !self.follow_up(&follow_up).await;
        }
        again.then(|| Instant::now() + RETRY)
    }

    /// Carries out a follow-up; false when it must be tried again.
    async fn follow_up(&mut self, follow_up: &FollowUp) -> bool {
        match self.commands.follow_up(follow_up).await {
            Ok(()) => {
                self.process.settle(follow_up);
                true
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(key = %follow_up.key, %error, "a follow-up waits for the log");
                false
            }
            Err(error) => {
                tracing::warn!(key = %follow_up.key, %error, "a follow-up was refused");
                self.process.settle(follow_up);
                match retirement(follow_up, &error) {
                    Some(retirement) => match self.commands.follow_up(&retirement).await {
                        Err(error) => !error.is_transient(),
                        Ok(()) => true,
                    },
                    None => true,
                }
            }
        }
    }
}

/// A key that its parties' receipts do not activate is of no use.
fn retirement(follow_up: &FollowUp, error: &CommandError) -> Option<FollowUp> {
    matches!(follow_up.command, KeyCommand::Activate { .. }).then(|| FollowUp {
        command: KeyCommand::Retire {
            reason: error.to_string(),
        },
        ..follow_up.clone()
    })
}
