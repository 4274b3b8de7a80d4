//! Commands to sessions: by the account, by parties, and by the clock.

use std::collections::BTreeSet;

use countersign_domain::decider::Decider as _;
use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::intent::Action;
use countersign_domain::key::Key;
use countersign_domain::session::{Session, SessionCommand, SessionError, SessionState};
use countersign_event_store::{Append, Metadata, StreamAppend};

use super::{Accepted, Commands, TRIES};
use crate::error::{AppendFailure, CommandError};
use crate::load::{banned, preference};
use crate::repository::{Freshness, Loaded};

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
        self.carry_out(&verified, trace_parent, async |freshness| {
            let loaded = self
                .repository
                .load::<Session>(session.0, freshness)
                .await?;
            let command = SessionCommand::Cancel(Box::new(verified.clone()));
            let events = loaded.state.decide(command)?;
            Ok(vec![loaded.append(session.0, &events)?].into())
        })
        .await
    }

    /// Decides and appends a command that no account signed, until nobody is
    /// faster. No events is an answer: the position is the stream's own then.
    pub(crate) async fn to_session(
        &self,
        session: SessionId,
        actor: &str,
        command: &impl ToSession,
    ) -> Result<Accepted, CommandError> {
        let _turn = self.turns.take(session).await;
        let mut freshness = Freshness::Cached;
        for _ in 0..TRIES {
            let loaded = self
                .repository
                .load::<Session>(session.0, freshness)
                .await?;
            let decided = self.decide(&loaded, command, freshness).await;
            let streams = match decided {
                Ok(streams) if !streams.is_empty() => streams,
                Err(failure) if !failure.is_refusal() => return Err(failure),
                // What has ended does not change any more, and neither does what
                // was decided on all that there is.
                settled if freshness == Freshness::Present || is_over(&loaded) => {
                    return settled.map(|_| Accepted {
                        position: loaded.position,
                    });
                }
                _ => {
                    freshness = Freshness::Present;
                    continue;
                }
            };
            let append = Append {
                command: None,
                metadata: Metadata {
                    correlation_id: session.0,
                    causation_id: None,
                    actor: actor.to_owned(),
                    trace_parent: None,
                },
                recorded_at: self.now(),
                streams,
                reservations: vec![],
                personal: None,
            };
            match self.repository.append(append).await {
                Ok(appended) => {
                    return Ok(Accepted {
                        position: appended.last_position,
                    });
                }
                Err(AppendFailure::Conflict) => freshness = Freshness::Present,
                Err(AppendFailure::Other(error)) => return Err(error),
            }
        }
        Err(CommandError::Contention)
    }

    /// What is appended to carry out a command; nothing when nothing is to do.
    async fn decide(
        &self,
        loaded: &Loaded<Session>,
        command: &impl ToSession,
        freshness: Freshness,
    ) -> Result<Vec<StreamAppend>, CommandError> {
        let state = loaded.state.state().ok_or(SessionError::NotFound)?;
        let session = state.asked.session.0;
        let mut streams = vec![];
        let mut spares = Spares::default();
        if command.chooses_signers() {
            let id = state.asked.key.0;
            let key = self.repository.load::<Key>(id, freshness).await?;
            spares = self.spares(state, &key.state);
            // Whom the key bans must be known when the signers are chosen.
            streams.push(key.append(id, &[])?);
        }
        let Some(command) = command.of(state, spares) else {
            return Ok(vec![]);
        };
        let events = loaded.state.decide(command)?;
        if events.is_empty() {
            return Ok(vec![]);
        }
        streams.push(loaded.append(session, &events)?);
        Ok(streams)
    }

    /// Who could take part in another attempt of a session.
    fn spares(&self, state: &SessionState, key: &Key) -> Spares {
        let parties: Vec<_> = state.participants.keys().cloned().collect();
        let present = self.presence.present(self.now());
        let session = state.asked.session;
        let mut available = preference(&parties, session, &self.presence, &self.clock, &self.load);
        available.retain(|party| present.contains(party));
        Spares {
            available,
            banned: banned(key, &parties),
        }
    }
}

fn is_over(session: &Loaded<Session>) -> bool {
    let state = session.state.state();
    state.is_some_and(|state| state.status.is_final())
}

/// A command to a session that no account signed.
pub(crate) trait ToSession {
    /// Whether it may end an attempt, so that the signers of another are chosen.
    fn chooses_signers(&self) -> bool;

    /// The command, to a session in this state; none when there is nothing to do.
    fn of(&self, state: &SessionState, spares: Spares) -> Option<SessionCommand>;
}

/// Who could take part in another attempt of a session.
#[derive(Default)]
pub(crate) struct Spares {
    /// Those that are there, the best first.
    pub(crate) available: Vec<PartyId>,
    /// Pairs that must not sign together.
    pub(crate) banned: BTreeSet<(PartyId, PartyId)>,
}
