//! What can have happened in a session.

mod text;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::NewSession;
use crate::bytes::{Digest, Hex, PublicKey};
use crate::decider::{StoredEvent, from_any_text};
use crate::digest::HashScheme;
use crate::ids::PartyId;
use crate::path::DerivationPath;
use crate::roster::{Member, PartyIdentity};
use crate::signature::Signature;

/// A holder of a share who may take part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "FlatInvitee")]
pub struct Invitee {
    /// Who, with index and identity keys.
    #[serde(flatten)]
    pub member: Member,
    /// SHA-256 of its one-time join token.
    pub token_hash: Digest,
}

/// All fields of an [`Invitee`] in one place, because there are many to be read and
/// what is flattened is read twice.
#[derive(Deserialize)]
struct FlatInvitee {
    index: u8,
    party: PartyId,
    sign_key: Hex<32>,
    seal_key: Hex<32>,
    token_hash: Digest,
}

impl From<FlatInvitee> for Invitee {
    fn from(flat: FlatInvitee) -> Self {
        Self {
            member: Member {
                index: flat.index,
                identity: PartyIdentity {
                    party: flat.party,
                    sign_key: flat.sign_key,
                    seal_key: flat.seal_key,
                },
            },
            token_hash: flat.token_hash,
        }
    }
}

/// What a sign session signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignRequest {
    /// The child that signs; the root path is the key itself.
    pub path: DerivationPath,
    /// The child's public key.
    pub public_key: PublicKey,
    /// The 32 bytes.
    pub digest: Digest,
    /// How the digest was made, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<HashScheme>,
}

/// What a party says of itself when it joins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// Its software, `countersign`.
    pub name: String,
    /// The software's version.
    pub version: String,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AttemptFailure {
    /// Parties did not join and get ready in time.
    NotReady,
    /// Parties did not send what a round awaited.
    Silence {
        /// The awaited round, from 1.
        round: u8,
    },
    /// A party sent what no honest party sends.
    Cheating,
    /// A party refused: it does not agree that this was asked for.
    Refused,
    /// The engine of the reporter failed; trying again may help.
    Engine,
    /// Nobody reported anything in time.
    Timeout,
}

impl fmt::Display for AttemptFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReady => f.write_str("not ready in time"),
            Self::Silence { round } => write!(f, "silent in round {round}"),
            Self::Cheating => f.write_str("cheating"),
            Self::Refused => f.write_str("refused"),
            Self::Engine => f.write_str("engine fault"),
            Self::Timeout => f.write_str("no result in time"),
        }
    }
}

/// Why a session failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// Every allowed attempt failed.
    AttemptsExhausted,
    /// Too few parties are left that may sign together.
    NotEnoughParties,
    /// The parties did not see the same key generation.
    ReceiptsDisagree,
    /// The parties refused.
    Refused,
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AttemptsExhausted => "every attempt failed",
            Self::NotEnoughParties => "too few parties are left",
            Self::ReceiptsDisagree => "the parties' receipts disagree",
            Self::Refused => "the parties refused",
        })
    }
}

/// What a party hands in at the end of its part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Report {
    /// Key generation: the signed receipt (JWS).
    Receipt {
        /// The JWS.
        receipt: String,
    },
    /// Signing: the signature.
    Signature {
        /// Verified against the key and digest before it is taken.
        #[serde(flatten)]
        signature: Signature,
    },
}

/// An event of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum SessionEvent {
    /// It was asked for.
    SessionCreated {
        /// All that was asked.
        #[serde(flatten)]
        session: Box<NewSession>,
    },
    /// A party joined by its one-time token.
    ParticipantJoined {
        /// Who.
        party: PartyId,
        /// What it says of itself.
        device: DeviceInfo,
    },
    /// A party is ready to start.
    ParticipantReady {
        /// Who.
        party: PartyId,
    },
    /// All signers are ready: the rounds begin.
    SessionStarted {
        /// The attempt, from 1.
        attempt: u32,
        /// Who takes part, by index.
        signers: Vec<PartyId>,
    },
    /// An attempt came to nothing.
    AttemptFailed {
        /// The attempt.
        attempt: u32,
        /// Why.
        reason: AttemptFailure,
        /// Who is to blame, as far as it is known.
        culprits: Vec<PartyId>,
        /// Who says so; none for the coordinator's own deadline.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reporter: Option<PartyId>,
        /// The reporter's words.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        detail: String,
        /// Who takes part in the next attempt; empty when there is none.
        next: Vec<PartyId>,
    },
    /// A party handed in its result.
    ParticipantReported {
        /// Who.
        party: PartyId,
        /// The attempt.
        attempt: u32,
        /// What.
        report: Report,
    },
    /// It came to its end: a key or a signature.
    SessionCompleted {
        /// The public key made, or the one that signed.
        public_key: PublicKey,
        /// The signature, of a sign session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<Signature>,
    },
    /// It came to nothing.
    SessionFailed {
        /// Why.
        reason: FailureReason,
        /// In words.
        detail: String,
    },
    /// Its deadline passed.
    SessionExpired {},
    /// The account called it off.
    SessionCancelled {
        /// The authorisation.
        intent: String,
    },
}

impl StoredEvent for SessionEvent {
    const NAMES: &'static [&'static str] = &[
        "SessionCreated",
        "ParticipantJoined",
        "ParticipantReady",
        "SessionStarted",
        "AttemptFailed",
        "ParticipantReported",
        "SessionCompleted",
        "SessionFailed",
        "SessionExpired",
        "SessionCancelled",
    ];

    fn name(&self) -> &'static str {
        match self {
            Self::SessionCreated { .. } => "SessionCreated",
            Self::ParticipantJoined { .. } => "ParticipantJoined",
            Self::ParticipantReady { .. } => "ParticipantReady",
            Self::SessionStarted { .. } => "SessionStarted",
            Self::AttemptFailed { .. } => "AttemptFailed",
            Self::ParticipantReported { .. } => "ParticipantReported",
            Self::SessionCompleted { .. } => "SessionCompleted",
            Self::SessionFailed { .. } => "SessionFailed",
            Self::SessionExpired {} => "SessionExpired",
            Self::SessionCancelled { .. } => "SessionCancelled",
        }
    }

    fn from_text(name: &str, text: &str) -> Option<Self> {
        text::read(name, text).or_else(|| from_any_text(name, text))
    }
}
