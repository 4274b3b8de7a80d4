//! What can be asked of a session.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{AttemptFailure, DeviceInfo, Invitee, Report, SessionKind, SignRequest};
use crate::Timestamp;
use crate::auth_key::Thumbprint;
use crate::bytes::Digest;
use crate::engine::EngineId;
use crate::ids::{AccountId, KeyId, PartyId, SessionId};
use crate::intent::VerifiedIntent;
use crate::quorum::Quorum;

/// A session that is asked for, as its first event keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSession {
    /// The session, named by the intent.
    pub session: SessionId,
    /// Which protocol run.
    pub kind: SessionKind,
    /// Whose.
    pub account: AccountId,
    /// The key that is made or used.
    pub key: KeyId,
    /// The protocol.
    pub engine: EngineId,
    /// How many of how many.
    pub quorum: Quorum,
    /// Epoch of the shares that are made or used.
    pub epoch: u32,
    /// The authorisation (JWS).
    pub intent: String,
    /// Canonical hash of the intent's claims: another request under the same
    /// `jti` has another.
    pub intent_hash: Digest,
    /// Thumbprint of the account's auth key.
    pub auth_key: Thumbprint,
    /// Fingerprint of the key's members.
    pub roster: Digest,
    /// What is signed, in a sign session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<SignRequest>,
    /// All holders of a share, by index: those who sign and the spares.
    pub participants: Vec<Invitee>,
    /// Who takes part in the first attempt.
    pub signers: Vec<PartyId>,
    /// How many attempts there may be.
    pub max_attempts: u32,
    /// How long parties have to get ready, in milliseconds.
    pub ready_timeout_ms: u32,
    /// How long an attempt may run, in milliseconds.
    pub attempt_timeout_ms: u32,
    /// When the session ends in any case.
    pub expires_at: Timestamp,
}

/// A command to a session.
#[derive(Clone)]
pub enum SessionCommand {
    /// Create it.
    Create(Box<NewSession>),
    /// A party joins by its one-time token and, as a rule, is ready at once.
    Join {
        /// Who; its signature was checked by the caller.
        party: PartyId,
        /// The token.
        token: Zeroizing<[u8; 32]>,
        /// What it says of itself.
        device: DeviceInfo,
        /// Whether it is ready too.
        ready: bool,
        /// The present.
        now: Timestamp,
    },
    /// A party hands in its result.
    Report {
        /// Who; its signature was checked by the caller.
        party: PartyId,
        /// The attempt.
        attempt: u32,
        /// What.
        report: Report,
    },
    /// A party gives up an attempt.
    Abort {
        /// Who; its signature was checked by the caller.
        party: PartyId,
        /// The attempt.
        attempt: u32,
        /// Why.
        reason: AttemptFailure,
        /// Whom it blames.
        culprits: Vec<PartyId>,
        /// In its own words.
        detail: String,
        /// Who could take part now, the best first.
        available: Vec<PartyId>,
        /// Pairs that must not sign together.
        banned: BTreeSet<(PartyId, PartyId)>,
    },
    /// The coordinator's deadline for getting ready or for the rounds passed.
    AttemptTimedOut {
        /// The attempt.
        attempt: u32,
        /// Who could take part now, the best first.
        available: Vec<PartyId>,
        /// Pairs that must not sign together.
        banned: BTreeSet<(PartyId, PartyId)>,
    },
    /// The session's deadline passed.
    Expire {
        /// The present.
        now: Timestamp,
    },
    /// The account calls it off, by a `session.cancel` intent.
    Cancel(Box<VerifiedIntent>),
}

impl fmt::Debug for SessionCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tokens and intents stay out of logs.
        f.write_str(match self {
            Self::Create(_) => "Create",
            Self::Join { .. } => "Join",
            Self::Report { .. } => "Report",
            Self::Abort { .. } => "Abort",
            Self::AttemptTimedOut { .. } => "AttemptTimedOut",
            Self::Expire { .. } => "Expire",
            Self::Cancel(_) => "Cancel",
        })
    }
}
