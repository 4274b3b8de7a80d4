//! Erasure of an account's personal data.

use countersign_domain::account::{Account, AccountCommand, AccountStatus};
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::AccountId;
use countersign_domain::intent::Action;
use countersign_event_store::PersonalChange;

use super::{Accepted, Commands, Decision};
use crate::error::CommandError;

impl Commands {
    /// Destroys the key of an account's personal data, frees its names, and closes it
    /// for good.
    ///
    /// # Errors
    /// [`CommandError`].
    #[tracing::instrument(name = "command.account.erase", skip_all, fields(%account))]
    pub async fn erase(
        &self,
        account: AccountId,
        token: &str,
        trace_parent: Option<&str>,
    ) -> Result<(AccountStatus, Accepted), CommandError> {
        let verified = self.verify(token, Some(account)).await?;
        if verified.intent.action != Action::Erase {
            return Err(CommandError::OtherRequest("kind"));
        }
        let accepted = self
            .carry_out(&verified, trace_parent, async |freshness| {
                let loaded = self
                    .repository
                    .load::<Account>(account.0, freshness)
                    .await?;
                let command = AccountCommand::Erase(Box::new(verified.clone()));
                let events = loaded.state.decide(command)?;
                Ok(Decision {
                    streams: vec![loaded.append(account.0, &events)?],
                    reservations: vec![],
                    personal: Some(PersonalChange::Erase { account }),
                })
            })
            .await?;
        Ok((AccountStatus::Closed, accepted))
    }
}
