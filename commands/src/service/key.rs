//! Commands to keys, by intent and by the coordinator.

use countersign_domain::decider::Decider as _;
use countersign_domain::ids::KeyId;
use countersign_domain::intent::{Action, VerifiedIntent};
use countersign_domain::key::{Key, KeyCommand, KeyStatus};
use countersign_domain::process::FollowUp;
use countersign_event_store::{Append, Metadata};

use super::{Accepted, Commands, TRIES};
use crate::error::{AppendFailure, CommandError};
use crate::repository::Freshness;

impl Commands {
    /// Freezes a key: no signatures until it is unfrozen.
    ///
    /// # Errors
    /// [`CommandError`].
    #[tracing::instrument(name = "command.key.freeze", skip_all, fields(%key))]
    pub async fn freeze(
        &self,
        key: KeyId,
        token: &str,
        trace_parent: Option<&str>,
    ) -> Result<(KeyStatus, Accepted), CommandError> {
        let verified = self.verify(token, None).await?;
        match verified.intent.action {
            Action::Freeze { key: named } if named == key => {}
            Action::Freeze { .. } => return Err(CommandError::OtherRequest("key")),
            _ => return Err(CommandError::OtherRequest("kind")),
        }
        let accepted = self
            .to_key(key, &verified, trace_parent, KeyCommand::Freeze)
            .await?;
        Ok((KeyStatus::Frozen, accepted))
    }

    /// Unfreezes a key.
    ///
    /// # Errors
    /// [`CommandError`].
    #[tracing::instrument(name = "command.key.unfreeze", skip_all, fields(%key))]
    pub async fn unfreeze(
        &self,
        key: KeyId,
        token: &str,
        trace_parent: Option<&str>,
    ) -> Result<(KeyStatus, Accepted), CommandError> {
        let verified = self.verify(token, None).await?;
        match verified.intent.action {
            Action::Unfreeze { key: named } if named == key => {}
            Action::Unfreeze { .. } => return Err(CommandError::OtherRequest("key")),
            _ => return Err(CommandError::OtherRequest("kind")),
        }
        let accepted = self
            .to_key(key, &verified, trace_parent, KeyCommand::Unfreeze)
            .await?;
        Ok((KeyStatus::Active, accepted))
    }

    async fn to_key(
        &self,
        id: KeyId,
        verified: &VerifiedIntent,
        trace_parent: Option<&str>,
        command: impl Fn(Box<VerifiedIntent>) -> KeyCommand,
    ) -> Result<Accepted, CommandError> {
        self.carry_out(verified, trace_parent, async |freshness| {
            let key = self.repository.load::<Key>(id.0, freshness).await?;
            let events = key.state.decide(command(Box::new(verified.clone())))?;
            Ok(vec![key.append(id.0, &events)?].into())
        })
        .await
    }

    /// Carries out what follows for a key from the end of a session. Nothing
    /// follows any more for a key that is retired.
    pub(crate) async fn follow_up(&self, follow_up: &FollowUp) -> Result<(), CommandError> {
        let id = follow_up.key.0;
        let mut freshness = Freshness::Cached;
        for _ in 0..TRIES {
            let key = self.repository.load::<Key>(id, freshness).await?;
            if key.state.status() == Some(KeyStatus::Retired) {
                return Ok(());
            }
            let events = match key.state.decide(follow_up.command.clone()) {
                Ok(events) if events.is_empty() => return Ok(()),
                Ok(events) => events,
                Err(_) if freshness == Freshness::Cached => {
                    freshness = Freshness::Present;
                    continue;
                }
                Err(refusal) => return Err(refusal.into()),
            };
            let append = Append {
                command: None,
                metadata: Metadata {
                    correlation_id: follow_up.session.0,
                    causation_id: None,
                    actor: "coordinator".to_owned(),
                    trace_parent: None,
                },
                recorded_at: self.now(),
                streams: vec![key.append(id, &events)?],
                reservations: vec![],
                personal: None,
            };
            match self.repository.append(append).await {
                Ok(_) => return Ok(()),
                Err(AppendFailure::Conflict) => freshness = Freshness::Present,
                Err(AppendFailure::Other(error)) => return Err(error),
            }
        }
        Err(CommandError::Contention)
    }
}
