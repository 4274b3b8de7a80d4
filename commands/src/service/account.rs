//! Commands to accounts.

use countersign_domain::account::{Account, AccountCommand, AccountStatus};
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::AccountId;
use countersign_domain::intent::{Action, VerifiedIntent};

use super::{Accepted, Commands};
use crate::error::CommandError;

impl Commands {
    /// Suspends an account.
    ///
    /// # Errors
    /// [`CommandError`].
    #[tracing::instrument(name = "command.account.suspend", skip_all, fields(%account))]
    pub async fn suspend(
        &self,
        account: AccountId,
        token: &str,
        trace_parent: Option<&str>,
    ) -> Result<(AccountStatus, Accepted), CommandError> {
        let verified = self.verify(token, Some(account)).await?;
        if verified.intent.action != Action::Suspend {
            return Err(CommandError::OtherRequest("kind"));
        }
        let accepted = self
            .to_account(account, &verified, trace_parent, AccountCommand::Suspend)
            .await?;
        Ok((AccountStatus::Suspended, accepted))
    }

    /// Reactivates a suspended account.
    ///
    /// # Errors
    /// [`CommandError`].
    #[tracing::instrument(name = "command.account.reactivate", skip_all, fields(%account))]
    pub async fn reactivate(
        &self,
        account: AccountId,
        token: &str,
        trace_parent: Option<&str>,
    ) -> Result<(AccountStatus, Accepted), CommandError> {
        let verified = self.verify(token, Some(account)).await?;
        if verified.intent.action != Action::Reactivate {
            return Err(CommandError::OtherRequest("kind"));
        }
        let accepted = self
            .to_account(account, &verified, trace_parent, AccountCommand::Reactivate)
            .await?;
        Ok((AccountStatus::Active, accepted))
    }

    async fn to_account(
        &self,
        id: AccountId,
        verified: &VerifiedIntent,
        trace_parent: Option<&str>,
        command: impl Fn(Box<VerifiedIntent>) -> AccountCommand,
    ) -> Result<Accepted, CommandError> {
        self.carry_out(verified, trace_parent, async |freshness| {
            let account = self.repository.load::<Account>(id.0, freshness).await?;
            let events = account.state.decide(command(Box::new(verified.clone())))?;
            Ok(vec![account.append(id.0, &events)?].into())
        })
        .await
    }
}
