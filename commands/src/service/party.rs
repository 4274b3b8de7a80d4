//! Commands of parties, which come over the bus, signed by their identity keys.

use chrono::{DateTime, Utc};
use countersign_domain::bytes::Hex;
use countersign_domain::ids::PartyId;
use countersign_domain::session::{Report, SessionCommand, SessionState};
use countersign_domain::signature::Signature;
use countersign_messaging::party_command::{PartyAction, PartyCommand, PartyReply};
use zeroize::Zeroizing;

use super::session::{Spares, ToSession};
use super::{Accepted, Commands};
use crate::error::CommandError;

impl Commands {
    /// Carries out a party's command and says how it went.
    #[tracing::instrument(name = "command.session.party", skip_all)]
    pub async fn party_command(&self, bytes: &[u8]) -> PartyReply {
        let (party, command) = match PartyCommand::open(bytes, &self.roster) {
            Ok(opened) => opened,
            Err(error) => return refused("party_command", error.to_string(), false),
        };
        match self.by_party(&party, &command).await {
            Ok(accepted) => PartyReply::Accepted {
                position: accepted.position,
            },
            Err(error) => {
                let retry = error.is_transient();
                tracing::debug!(%party, session = %command.session, %error, "party refused");
                refused("refused", error.to_string(), retry)
            }
        }
    }

    async fn by_party(
        &self,
        party: &PartyId,
        command: &PartyCommand,
    ) -> Result<Accepted, CommandError> {
        let actor = format!("party:{party}");
        let said = Said {
            party,
            command,
            now: self.now(),
        };
        self.to_session(command.session, &actor, &said).await
    }
}

/// What a party said, by a command whose signature was checked.
struct Said<'a> {
    party: &'a PartyId,
    command: &'a PartyCommand,
    now: DateTime<Utc>,
}

impl ToSession for Said<'_> {
    fn chooses_signers(&self) -> bool {
        matches!(self.command.action, PartyAction::Abort { .. })
    }

    fn of(&self, _: &SessionState, spares: Spares) -> Option<SessionCommand> {
        let party = self.party.clone();
        let attempt = self.command.attempt;
        let report = |report| SessionCommand::Report {
            party: party.clone(),
            attempt,
            report,
        };
        Some(match &self.command.action {
            PartyAction::Join {
                token,
                device,
                ready,
            } => SessionCommand::Join {
                party,
                token: join_token(token),
                device: device.clone(),
                ready: *ready,
                now: self.now,
            },
            PartyAction::Receipt { receipt } => report(Report::Receipt {
                receipt: receipt.clone(),
            }),
            PartyAction::Signature { r, s, v } => {
                let (r, s, v) = (*r, *s, *v);
                report(Report::Signature {
                    signature: Signature { r, s, v },
                })
            }
            PartyAction::Abort {
                reason,
                culprits,
                detail,
            } => SessionCommand::Abort {
                party,
                attempt,
                reason: (*reason).into(),
                culprits: culprits.clone(),
                detail: detail.clone(),
                available: spares.available,
                banned: spares.banned,
            },
        })
    }
}

/// A token that is none at all is a wrong token.
fn join_token(text: &str) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(text.parse::<Hex<32>>().map_or([0; 32], |token| token.0))
}

fn refused(code: &str, detail: String, retry: bool) -> PartyReply {
    PartyReply::Refused {
        code: code.to_owned(),
        detail,
        retry,
    }
}
