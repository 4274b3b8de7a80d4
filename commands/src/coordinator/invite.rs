//! Invitations: sealed to the party, because they carry its join token.

use countersign_domain::account::Account;
use countersign_domain::ids::PartyId;
use countersign_domain::session::{SessionInvitation, SessionState};
use countersign_messaging::{Headers, invitation, subject};
use zeroize::Zeroizing;

use crate::error::CommandError;
use crate::repository::Freshness;
use crate::service::Commands;

impl Commands {
    /// Invites `party` to the attempt that comes next.
    pub(super) async fn invite(
        &self,
        state: &SessionState,
        party: &PartyId,
    ) -> Result<(), CommandError> {
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
        let sealed = invitation::seal_to(identity, invitation::SESSION_INVITATION, &text)
            .map_err(internal)?;
        self.bus
            .publish(&subject::invite(party), sealed.into(), Headers::new())
            .await
            .map_err(internal)
    }
}

fn internal(error: impl std::fmt::Display) -> CommandError {
    CommandError::Internal(error.to_string())
}
