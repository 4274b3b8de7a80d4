//! Commands to sessions: by the account, by parties, and by the clock.

use std::collections::BTreeSet;

use countersign_domain::decider::Decider as _;
use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::intent::Action;
use countersign_domain::key::Key;
use countersign_domain::process::Due;
use countersign_domain::session::{Session, SessionCommand, SessionError, SessionState};
use countersign_event_store::{Append, Metadata};

use super::{Accepted, Commands, TRIES};
use crate::error::{AppendFailure, CommandError};
use crate::load::{banned, preference};

impl Commands {
    /// Calls a session off.
    ///
    /// # Errors
    /// [`CommandError`].
    #[tracing::instrument(name = "command.session.cancel", skip_all, fields(%session))]
    pub async fn cancel(
        &self,
        session: SessionId,
        token: &str,
        trace_parent: Option<&str>,
    ) -> Result<Accepted, CommandError> {
        let verified = self.verify(token, None).await?;
        match verified.intent.action {
            Action::Cancel { session: named } if named == session => {}
            Action::Cancel { .. } => return Err(CommandError::OtherRequest("session")),
            _ => return Err(CommandError::OtherRequest("kind")),
        }
        self.carry_out(&verified, trace_parent, async || {
            let loaded = self.repository.load::<Session>(session.0).await?;
            let command = SessionCommand::Cancel(Box::new(verified.clone()));
            let events = loaded.state.decide(command)?;
            Ok(vec![loaded.append(session.0, &events)?].into())
        })
        .await
    }

    /// Decides and appends a command that no account signed, until nobody is
    /// faster. `command` is told who could take part in another attempt. No
    /// events is an answer: the position is the stream's own then.
    pub(crate) async fn to_session(
        &self,
        session: SessionId,
        actor: &str,
        command: impl Fn(Spares) -> SessionCommand,
    ) -> Result<Accepted, CommandError> {
        for _ in 0..TRIES {
            let loaded = self.repository.load::<Session>(session.0).await?;
            let state = loaded.state.state().ok_or(SessionError::NotFound)?;
            let spares = self.spares(state).await?;
            let events = loaded.state.decide(command(spares))?;
            if events.is_empty() {
                return Ok(Accepted {
                    position: loaded.position,
                });
            }
            let append = Append {
                command: None,
                metadata: Metadata {
                    correlation_id: session.0,
                    causation_id: None,
                    actor: actor.to_owned(),
                    trace_parent: None,
                },
                recorded_at: self.now(),
                streams: vec![loaded.append(session.0, &events)?],
                reservations: vec![],
            };
            match self.repository.append(append).await {
                Ok(appended) => {
                    return Ok(Accepted {
                        position: appended.last_position,
                    });
                }
                Err(AppendFailure::Conflict) => {}
                Err(AppendFailure::Other(error)) => return Err(error),
            }
        }
        Err(CommandError::Contention)
    }

    /// Carries out what the clock made due.
    pub(crate) async fn due(&self, due: Due) -> Result<(), CommandError> {
        let (Due::AttemptTimedOut { session, .. } | Due::Expire { session }) = due;
        let command = |spares: Spares| match due {
            Due::Expire { .. } => SessionCommand::Expire { now: self.now() },
            Due::AttemptTimedOut { attempt, .. } => SessionCommand::AttemptTimedOut {
                attempt,
                available: spares.available,
                banned: spares.banned,
            },
        };
        self.to_session(session, "coordinator", command).await?;
        Ok(())
    }

    /// Who could take part in another attempt of a session.
    async fn spares(&self, state: &SessionState) -> Result<Spares, CommandError> {
        let parties: Vec<_> = state.participants.keys().cloned().collect();
        let present = self.presence.present(self.now());
        let session = state.asked.session;
        let mut available = preference(&parties, session, &self.presence, &self.clock, &self.load);
        available.retain(|party| present.contains(party));
        let key = self.repository.load::<Key>(state.asked.key.0).await?;
        Ok(Spares {
            available,
            banned: banned(&key.state, &parties),
        })
    }
}

/// Who could take part in another attempt of a session.
pub(crate) struct Spares {
    /// Those that are there, the best first.
    pub(crate) available: Vec<PartyId>,
    /// Pairs that must not sign together.
    pub(crate) banned: BTreeSet<(PartyId, PartyId)>,
}
