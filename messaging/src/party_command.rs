//! What parties send to the coordinator, as requests on
//! [`session_commands`](crate::subject::session_commands): JSON in a signed
//! envelope. The reply is plain JSON; a party believes nothing in it that
//! matters for its share.

use std::fmt;

use countersign_domain::bytes::Hex;
use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::quorum::MAX_PARTIES;
use countersign_domain::roster::Roster;
use countersign_domain::session::AttemptFailure;
pub use countersign_domain::session::DeviceInfo;
use countersign_domain::signature::Signature;
use serde::{Deserialize, Serialize};

use crate::envelope::{self, EnvelopeError};
use crate::identity::IdentityKeys;

mod reply;

pub use reply::PartyReply;

/// The most characters of [`PartyAction::Abort`]'s `detail`.
pub const MAX_DETAIL: usize = 200;

/// The most characters of a device's name, and of its version.
pub const MAX_DEVICE: usize = 100;

const TAG: &str = "countersign-party-command-v1";

/// A party's command to a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartyCommand {
    /// The session.
    pub session: SessionId,
    /// The attempt that the party is in.
    pub attempt: u32,
    /// What it does.
    pub action: PartyAction,
}

/// What a party does in a session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum PartyAction {
    /// Joins, and as a rule is ready at once.
    Join {
        /// The one-time token of its invitation, in hex. Not shown by `Debug`.
        token: String,
        /// What it says of itself.
        device: DeviceInfo,
        /// Whether it is ready too.
        ready: bool,
    },
    /// Hands in its receipt of a key generation.
    Receipt {
        /// The JWS.
        receipt: String,
    },
    /// Hands in the signature.
    Signature {
        /// See [`Signature::r`].
        r: Hex<32>,
        /// See [`Signature::s`].
        s: Hex<32>,
        /// See [`Signature::v`].
        v: u8,
    },
    /// Gives the attempt up.
    Abort {
        /// Why.
        reason: AbortReason,
        /// Whom it blames.
        culprits: Vec<PartyId>,
        /// In its own words, at most [`MAX_DETAIL`] characters.
        detail: String,
    },
}

/// Why a party gives an attempt up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AbortReason {
    /// Others did not send what a round awaited.
    Silence {
        /// The awaited round, from 1.
        round: u8,
    },
    /// Another party sent what no honest party sends.
    Cheating,
    /// It does not agree that this was asked for.
    Refused,
    /// Its engine failed; trying again may help.
    Engine,
}

/// Why a party's command was refused unread.
#[derive(Debug, thiserror::Error)]
pub enum PartyCommandError {
    /// Not signed by a party of the roster.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Signed, and not a command.
    #[error("party `{party}` sent a malformed command")]
    Malformed {
        /// Who signed it.
        party: PartyId,
        /// What is wrong with the JSON.
        #[source]
        source: serde_json::Error,
    },
    /// A field is longer than allowed.
    #[error("party `{party}` sent a command whose `{field}` is too long")]
    TooLong {
        /// Who signed it.
        party: PartyId,
        /// Which field.
        field: &'static str,
    },
}

impl PartyCommand {
    /// Signs and encodes it. An overlong `detail` is cut.
    #[must_use]
    pub fn sign(&self, from: &PartyId, keys: &IdentityKeys) -> Vec<u8> {
        let mut command = self.clone();
        if let PartyAction::Abort { detail, .. } = &mut command.action
            && let Some((end, _)) = detail.char_indices().nth(MAX_DETAIL)
        {
            detail.truncate(end);
        }
        let body = serde_json::to_vec(&command).expect("a tree of strings and numbers");
        envelope::sign(TAG, from, keys, body)
    }

    /// Verifies and decodes: which party commands what.
    ///
    /// # Errors
    /// [`PartyCommandError`] says what is wrong.
    pub fn open(bytes: &[u8], roster: &Roster) -> Result<(PartyId, Self), PartyCommandError> {
        let (party, body) = envelope::open(TAG, bytes, roster)?;
        let command: Self = match serde_json::from_slice(&body) {
            Ok(command) => command,
            Err(source) => return Err(PartyCommandError::Malformed { party, source }),
        };
        match command.action.overlong() {
            Some(field) => Err(PartyCommandError::TooLong { party, field }),
            None => Ok((party, command)),
        }
    }
}

impl PartyAction {
    /// The first field that is longer than what may enter an event.
    fn overlong(&self) -> Option<&'static str> {
        let longer = |text: &str, limit| text.chars().nth(limit).is_some();
        match self {
            Self::Join { device, .. } if longer(&device.name, MAX_DEVICE) => Some("device.name"),
            Self::Join { device, .. } if longer(&device.version, MAX_DEVICE) => {
                Some("device.version")
            }
            Self::Abort { culprits, .. } if culprits.len() > usize::from(MAX_PARTIES) => {
                Some("culprits")
            }
            Self::Abort { detail, .. } if longer(detail, MAX_DETAIL) => Some("detail"),
            _ => None,
        }
    }
}

impl From<Signature> for PartyAction {
    fn from(Signature { r, s, v }: Signature) -> Self {
        Self::Signature { r, s, v }
    }
}

impl From<AbortReason> for AttemptFailure {
    fn from(reason: AbortReason) -> Self {
        match reason {
            AbortReason::Silence { round } => Self::Silence { round },
            AbortReason::Cheating => Self::Cheating,
            AbortReason::Refused => Self::Refused,
            AbortReason::Engine => Self::Engine,
        }
    }
}

impl fmt::Debug for PartyAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Join { device, ready, .. } => f
                .debug_struct("Join")
                .field("device", device)
                .field("ready", ready)
                .finish_non_exhaustive(),
            Self::Receipt { receipt } => {
                f.debug_struct("Receipt").field("receipt", receipt).finish()
            }
            Self::Signature { r, s, v } => f
                .debug_struct("Signature")
                .field("r", r)
                .field("s", s)
                .field("v", v)
                .finish(),
            Self::Abort {
                reason,
                culprits,
                detail,
            } => f
                .debug_struct("Abort")
                .field("reason", reason)
                .field("culprits", culprits)
                .field("detail", detail)
                .finish(),
        }
    }
}
