//! Commands to keys, by intent and by the coordinator.

use countersign_domain::decider::Decider as _;
use countersign_domain::ids::KeyId;
use countersign_domain::intent::{Action, VerifiedIntent};
use countersign_domain::key::{Key, KeyCommand, KeyStatus};
use countersign_domain::process::FollowUp;
use countersign_event_store::{Append, Metadata};

use super::{Accepted, Commands, TRIES};
use crate::error::{AppendFailure, CommandError};

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
        self.carry_out(verified, trace_parent, async || {
            let key = self.repository.load::<Key>(id.0).await?;
            let events = key.state.decide(command(Box::new(verified.clone())))?;
            Ok(vec![key.append(id.0, &events)?].into())
        })
        .await
    }

    /// Carries out what follows for a key from the end of a session.
    pub(crate) async fn follow_up(&self, follow_up: &FollowUp) -> Result<(), CommandError> {
        let id = follow_up.key.0;
        for _ in 0..TRIES {
            let key = self.repository.load::<Key>(id).await?;
            let events = key.state.decide(follow_up.command.clone())?;
            if events.is_empty() {
                return Ok(());
            }
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
            };
            match self.repository.append(append).await {
                Ok(_) => return Ok(()),
                Err(AppendFailure::Conflict) => {}
                Err(AppendFailure::Other(error)) => return Err(error),
            }
        }
        Err(CommandError::Contention)
    }
}
