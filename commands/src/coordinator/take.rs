//! What the events of the log tell the coordinator.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign_domain::ids::{KeyId, SessionId};
use countersign_domain::key::KeyEvent;
use countersign_domain::session::{SessionEvent, SessionKind};
use countersign_event_store::{Decoded, Envelope, LogError};
use tokio::time::Instant;

use super::{Coordinator, INVITE_AGAIN};
use crate::metrics;

impl Coordinator {
    /// Takes events; returns the sessions whose invitations this replica should
    /// send at once.
    pub(super) fn take(
        &mut self,
        batch: Vec<Result<Arc<Envelope>, LogError>>,
    ) -> Result<BTreeSet<SessionId>, LogError> {
        let mut touched = BTreeSet::new();
        for event in batch {
            let envelope = match event {
                Ok(envelope) => envelope,
                Err(error) if error.is_final() => return Err(error),
                Err(error) => {
                    self.commands.health.log_fails(&error);
                    continue;
                }
            };
            self.commands.health.log_works();
            self.position = envelope.position;
            // What cannot be decoded is told of below.
            let _ = self.commands.repository.observe(&envelope);
            match self.commands.repository.decoder().decode(&envelope) {
                Ok(Decoded::Session(id, event)) => {
                    if self.session(id, &event, &envelope) {
                        touched.insert(id);
                    }
                }
                Ok(Decoded::Key(id, event)) => self.key(id, &event),
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, position = envelope.position, "an event was passed over");
                }
            }
        }
        self.commands.waiter.saw(self.position);
        self.commands
            .repository
            .log()
            .in_work(self.process.running());
        Ok(touched)
    }

    fn key(&mut self, id: KeyId, event: &KeyEvent) {
        self.process.observe_key(id, event);
        match event {
            KeyEvent::KeyActivated { .. } | KeyEvent::KeyRetired { .. } => {
                self.rests.over(id.0);
                self.commands.waiter.resolve(id.0);
            }
            KeyEvent::PairBanned { .. } => self.rests.over(id.0),
            _ => {}
        }
    }

    /// Takes a session event; tells whether this replica should invite at once.
    fn session(&mut self, id: SessionId, event: &SessionEvent, envelope: &Envelope) -> bool {
        let before = self.process.session(id);
        let kind = before.map(|state| state.asked.kind);
        let signers = before.map(|state| state.signers.clone());
        let at = envelope.recorded_at;
        self.process
            .observe_session(id, event, at, envelope.position);
        let after = self.process.session(id);
        let came = after.map(|state| state.signers.as_slice());
        let left = signers.unwrap_or_default();
        self.commands.load.change(&left, came.unwrap_or_default());
        if let (SessionEvent::SessionCreated { .. }, Some(state)) = (event, after) {
            let asked = &state.asked;
            self.commands.waiter.open(match asked.kind {
                SessionKind::Keygen => asked.key.0,
                _ => id.0,
            });
        }
        if after.is_none() {
            self.invited.remove(&id);
            self.rests.over(id.0);
            self.commands.waiter.resolve(id.0);
        }
        let own = self.commands.repository.own();
        let own = own.take(&envelope.stream.aggregate_id, envelope.version);
        if own {
            count(kind, event);
        }
        if self.is_ready() && !own {
            self.leave_to_others(id, event);
        }
        let invites = matches!(
            event,
            SessionEvent::SessionCreated { .. } | SessionEvent::AttemptFailed { .. }
        );
        invites && own
    }

    /// Another replica appended this, and does what follows, if it still runs.
    fn leave_to_others(&mut self, id: SessionId, event: &SessionEvent) {
        let now = Instant::now();
        match event {
            SessionEvent::SessionCreated { .. } | SessionEvent::AttemptFailed { .. } => {
                self.invited.insert(id, now);
            }
            _ => {}
        }
        let owed = self.process.follow_ups_of(id);
        for key in owed {
            self.rests.put_off(key.0, now + INVITE_AGAIN);
        }
    }
}

fn count(kind: Option<SessionKind>, event: &SessionEvent) {
    let outcome = match event {
        SessionEvent::AttemptFailed { reason, .. } => {
            metrics::attempt_failed(*reason);
            return;
        }
        SessionEvent::SessionCompleted { .. } => "completed",
        SessionEvent::SessionFailed { .. } => "failed",
        SessionEvent::SessionExpired { .. } => "expired",
        SessionEvent::SessionCancelled { .. } => "cancelled",
        _ => return,
    };
    if let Some(kind) = kind {
        metrics::session_ended(kind, outcome);
    }
}
