//! Why this party takes no part: one clear sentence each, for the log of the
//! session and whoever reads it.

use countersign_domain::Timestamp;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId, PartyId};
use countersign_domain::intent::IntentError;
use countersign_domain::roster::RosterError;
use countersign_domain::session::SessionKind;
use countersign_messaging::party_command::AbortReason;

use super::coordinator::GivenUp;
use crate::vault::VaultError;

/// Why an invitation, or the start of an attempt, is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the roster that this party pins differs from that of the session: {0}")]
    Roster(#[source] RosterError),
    #[error(
        "the roster that this party pins differs from that of the session: the fingerprint is not \
         that of the participants"
    )]
    Fingerprint,
    #[error("this party is not among the participants")]
    NotInvited,
    #[error("the join token is not the one that the session has for this party")]
    Token,
    #[error("this party takes no part in {0} sessions")]
    Kind(SessionKind),
    #[error("this party has no engine `{0}`")]
    Engine(EngineId),
    #[error("the session expired at {0}")]
    Expired(Timestamp),
    #[error("the intent is refused: {0}")]
    Intent(#[source] IntentError),
    #[error("the auth key in the invitation is not the one that account {0} is named after")]
    AccountKey(AccountId),
    #[error("the intent asks for something else than a {0} session")]
    Action(SessionKind),
    #[error("the session's {0} is not what the intent says")]
    NotIntended(&'static str),
    #[error("this party has no share of key {key}, epoch {epoch}")]
    NoShare { key: KeyId, epoch: u32 },
    #[error("the session's {0} is not that of this party's share")]
    NotOfShare(&'static str),
    #[error("the signers are refused: {0}")]
    Signers(&'static str),
    #[error("attempt {attempt} is refused: the session has {most} at most")]
    Attempt { attempt: u32, most: u32 },
    #[error("this session was begun for another digest: a session signs one thing only")]
    OtherDigest,
    #[error(
        "this party has signed its receipt for an earlier attempt of this key generation, and \
         keeps that share"
    )]
    ReceiptSigned,
    #[error("the vault of this party failed")]
    Vault(#[source] VaultError),
    #[error("the share in the vault of this party cannot be used")]
    Share,
}

impl Refusal {
    /// What the coordinator is told: this party is out, and says why.
    pub(super) fn into_report(self, me: &PartyId) -> GivenUp {
        let reason = match self {
            Self::Vault(_) | Self::Share => AbortReason::Engine,
            _ => AbortReason::Refused,
        };
        GivenUp::new(reason, vec![me.clone()], self.to_string())
    }
}
