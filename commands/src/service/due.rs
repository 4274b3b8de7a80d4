//! Commands to sessions by the clock.

use chrono::{DateTime, Utc};
use countersign_domain::process::Due;
use countersign_domain::session::{SessionCommand, SessionState, SessionStatus};

use super::Commands;
use super::session::{Spares, ToSession};
use crate::error::CommandError;

/// A deadline that passed, and what it was the deadline of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    /// What is due.
    pub(crate) due: Due,
    /// Whether the rounds ran by then: an attempt that has started meanwhile has
    /// a deadline of its own.
    pub(crate) running: bool,
}

struct Timed {
    deadline: Deadline,
    now: DateTime<Utc>,
}

impl Commands {
    /// Carries out what the clock made due.
    pub(crate) async fn due(&self, deadline: Deadline) -> Result<(), CommandError> {
        let (Due::AttemptTimedOut { session, .. } | Due::Expire { session }) = deadline.due;
        let command = Timed {
            deadline,
            now: self.now(),
        };
        self.to_session(session, "coordinator", &command).await?;
        Ok(())
    }
}

impl ToSession for Timed {
    fn chooses_signers(&self) -> bool {
        matches!(self.deadline.due, Due::AttemptTimedOut { .. })
    }

    fn of(&self, state: &SessionState, spares: Spares) -> Option<SessionCommand> {
        match self.deadline.due {
            Due::Expire { .. } => Some(SessionCommand::Expire { now: self.now }),
            Due::AttemptTimedOut { attempt, .. } => {
                let running = state.status == SessionStatus::InProgress;
                (running == self.deadline.running).then_some(SessionCommand::AttemptTimedOut {
                    attempt,
                    available: spares.available,
                    banned: spares.banned,
                })
            }
        }
    }
}
