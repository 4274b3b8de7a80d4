//! Registration.

use countersign_domain::account::{Account, AccountCommand, normalised};
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::AccountId;
use countersign_domain::intent::{Action, Intent};
use countersign_event_store::Reservation;

use super::{Accepted, Commands, Decision};
use crate::error::CommandError;

impl Commands {
    /// Registers the account of the auth key that signed the intent.
    ///
    /// # Errors
    /// [`CommandError`]; a user name or email that is taken among them.
    #[tracing::instrument(name = "command.account.register", skip_all)]
    pub async fn register(
        &self,
        token: &str,
        trace_parent: Option<&str>,
    ) -> Result<(AccountId, String, Accepted), CommandError> {
        let verified = Intent::verify_registration(token)?;
        let id = verified.intent.account;
        let Action::Register {
            username, email, ..
        } = &verified.intent.action
        else {
            return Err(CommandError::OtherRequest("kind"));
        };
        let reservation = |scope: &str, value: &str| Reservation {
            scope: scope.to_owned(),
            value: normalised(value),
            owner: id.to_string(),
        };
        let reservations = [
            reservation("username", username),
            reservation("email", email),
        ];
        let accepted = self
            .carry_out(&verified, trace_parent, async |freshness| {
                let account = self.repository.load::<Account>(id.0, freshness).await?;
                let command = AccountCommand::Register(Box::new(verified.clone()));
                let events = account.state.decide(command)?;
                Ok(Decision {
                    streams: vec![account.append(id.0, &events)?],
                    reservations: reservations.to_vec(),
                })
            })
            .await?;
        Ok((id, username.clone(), accepted))
    }
}
