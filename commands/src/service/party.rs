//! Commands of parties, which come over the bus, signed by their identity keys.

use countersign_domain::bytes::Hex;
use countersign_domain::ids::PartyId;
use countersign_domain::session::{Report, SessionCommand};
use countersign_domain::signature::Signature;
use countersign_messaging::party_command::{PartyAction, PartyCommand, PartyReply};
use zeroize::Zeroizing;

use super::session::Spares;
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
        let attempt = command.attempt;
        let actor = format!("party:{party}");
        let session_command = |spares: Spares| match &command.action {
            PartyAction::Join {
                token,
                device,
                ready,
            } => SessionCommand::Join {
                party: party.clone(),
                token: join_token(token),
                device: device.clone(),
                ready: *ready,
                now: self.now(),
            },
            PartyAction::Receipt { receipt } => SessionCommand::Report {
                party: party.clone(),
                attempt,
                report: Report::Receipt {
                    receipt: receipt.clone(),
                },
            },
            PartyAction::Signature { r, s, v } => SessionCommand::Report {
                party: party.clone(),
                attempt,
                report: Report::Signature {
                    signature: Signature {
                        r: *r,
                        s: *s,
                        v: *v,
                    },
                },
            },
            PartyAction::Abort {
                reason,
                culprits,
                detail,
            } => SessionCommand::Abort {
                party: party.clone(),
                attempt,
                reason: (*reason).into(),
                culprits: culprits.clone(),
                detail: detail.clone(),
                available: spares.available,
                banned: spares.banned,
            },
        };
        self.to_session(command.session, &actor, session_command)
            .await
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
