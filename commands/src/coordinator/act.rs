//! What is owed: deadlines that have passed, and commands to keys that follow
//! from sessions. What fails rests, and what rests holds nothing else up.

use countersign_domain::key::{KeyCommand, KeyError};
use countersign_domain::process::{Due, FollowUp};
use countersign_domain::session::SessionStatus;
use futures::StreamExt as _;
use tokio::time::Instant;

use super::Coordinator;
use crate::error::CommandError;
use crate::service::Deadline;

/// How many deadlines are acted on at once.
const AT_ONCE: usize = 64;

impl Coordinator {
    /// Acts on the deadlines that have passed.
    pub(super) async fn act(&mut self) {
        let now = Instant::now();
        // Who could not be heard is not to blame, and could not be asked again.
        let deaf = !self.commands.health.is_bus_steady(&*self.commands.bus);
        let due = self.process.due(self.commands.now()).into_iter();
        let due = due.filter(|due| !deaf || matches!(due, Due::Expire { .. }));
        let deadlines = due.map(|due| {
            let (Due::AttemptTimedOut { session, .. } | Due::Expire { session }) = due;
            let state = self.process.session(session);
            let running = state.is_some_and(|state| state.status == SessionStatus::InProgress);
            (session, Deadline { due, running })
        });
        let deadlines: Vec<_> = deadlines
            .filter(|(session, _)| !self.rests.rests(session.0, now))
            .collect();
        let commands = &self.commands;
        let acted: Vec<_> = futures::stream::iter(deadlines)
            .map(|(session, deadline)| async move { (session, commands.due(deadline).await) })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (session, result) in acted {
            match result {
                Ok(()) => self.rests.over(session.0),
                Err(error) => {
                    tracing::warn!(%session, %error, "a deadline could not be acted on");
                    self.rests.failed(session.0, Instant::now());
                }
            }
        }
    }

    /// Carries out what follows for keys.
    pub(super) async fn follow_up_all(&mut self) {
        for follow_up in self.process.follow_ups() {
            let key = follow_up.key;
            if self.rests.rests(key.0, Instant::now()) {
                continue;
            }
            if let Err(error) = self.follow_up(&follow_up).await {
                tracing::warn!(%key, %error, "a follow-up waits for the log");
                self.rests.failed(key.0, Instant::now());
            } else {
                self.process.settle(&follow_up);
                self.rests.over(key.0);
            }
        }
    }

    /// Carries out a follow-up; an error when it must be tried again.
    async fn follow_up(&self, follow_up: &FollowUp) -> Result<(), CommandError> {
        let Err(error) = self.commands.follow_up(follow_up).await else {
            return Ok(());
        };
        if error.is_transient() {
            return Err(error);
        }
        tracing::warn!(key = %follow_up.key, %error, "a follow-up was refused");
        match &error {
            // A key that its parties' receipts do not activate is of no use.
            CommandError::Key(KeyError::Receipts(reason)) => {
                let retirement = FollowUp {
                    command: KeyCommand::Retire {
                        reason: reason.to_string(),
                    },
                    ..follow_up.clone()
                };
                self.commands.follow_up(&retirement).await
            }
            _ => Ok(()),
        }
    }
}
