//! Invitations: sealed to the party, because they carry its join token.

use countersign_domain::account::Account;
use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::session::{SessionInvitation, SessionState, SessionStatus};
use countersign_messaging::{Headers, subject};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{Coordinator, INVITE_AGAIN};
use crate::error::CommandError;
use crate::repository::Freshness;
use crate::service::Commands;

impl Coordinator {
    /// Invites to every session for which it is time.
    pub(super) async fn invite_all(&mut self) {
        if self.is_bus_away() {
            return;
        }
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

    /// Invites to a session whoever is awaited.
    pub(super) async fn invite(&mut self, session: SessionId) {
        let owed = self.process.invitations(session);
        let Some(state) = self.process.session(session) else {
            return;
        };
        let over = state.asked.expires_at <= self.commands.now();
        if owed.is_empty() || over || self.is_bus_away() {
            return;
        }
        self.invited.insert(session, Instant::now());
        for invitation in owed {
            match self.commands.invite(state, &invitation.party).await {
                Ok(()) => {}
                // It is told of elsewhere, and nobody else can be invited now.
                Err(CommandError::Bus(_)) if self.is_bus_away() => return,
                Err(error) => {
                    tracing::warn!(%session, party = %invitation.party, %error, "not invited; again soon");
                }
            }
        }
    }
}

impl Commands {
    /// Invites `party` to the attempt that comes next.
    async fn invite(&self, state: &SessionState, party: &PartyId) -> Result<(), CommandError> {
        let asked = &state.asked;
        let account = self
            .repository
            .load::<Account>(asked.account.0, Freshness::Cached)
            .await?;
        let auth_key = account
            .state
            .auth_key()
            .ok_or_else(|| internal("an account without an auth key"))?;
        let identity = self
            .roster
            .get(party)
            .ok_or_else(|| internal("an invited party is not in the roster"))?;
        let invitation = SessionInvitation {
            session: asked.clone(),
            auth_key: auth_key.clone(),
            attempt: state.attempt,
            signers: state.signers.clone(),
            token: self.tokens.of(asked.session, party),
        };
        let text = Zeroizing::new(serde_json::to_vec(&invitation).map_err(internal)?);
        let sealed = self.sealer.seal(identity, &text).map_err(internal)?;
        let subject = subject::invite(party);
        let published = self.bus.publish(&subject, sealed.into(), Headers::new());
        Ok(published.await?)
    }
}

fn internal(error: impl std::fmt::Display) -> CommandError {
    CommandError::Internal(error.to_string())
}
