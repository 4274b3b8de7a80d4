//! What a session is now.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{NewSession, Report};
use crate::ids::PartyId;
use crate::roster::Member;
use crate::signature::Signature;

/// Which protocol a session runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// Distributed key generation.
    Keygen,
    /// A signature.
    Sign,
    /// New shares of the same key.
    Refresh,
    /// A lost share made again.
    Recover,
}

impl fmt::Display for SessionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keygen => "keygen",
            Self::Sign => "sign",
            Self::Refresh => "refresh",
            Self::Recover => "recover",
        })
    }
}

/// The status of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// Nobody has joined yet.
    Created,
    /// Waiting for its signers to be ready.
    Waiting,
    /// The rounds run.
    InProgress,
    /// It has its result.
    Completed,
    /// It came to nothing.
    Failed,
    /// Its deadline passed.
    Expired,
    /// The account called it off.
    Cancelled,
}

impl SessionStatus {
    /// All statuses.
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Waiting,
        Self::InProgress,
        Self::Completed,
        Self::Failed,
        Self::Expired,
        Self::Cancelled,
    ];

    /// Whether nothing can happen any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Expired | Self::Cancelled
        )
    }

    /// The transition table. A failed attempt leads from in progress back to
    /// waiting when there is another.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use SessionStatus::{Cancelled, Completed, Created, Expired, Failed, InProgress, Waiting};
        matches!(
            (self, next),
            (Created, Waiting | Failed | Expired | Cancelled)
                | (Waiting, InProgress | Failed | Expired | Cancelled)
                | (
                    InProgress,
                    Waiting | Completed | Failed | Expired | Cancelled
                )
        )
    }
}

impl fmt::Display for SessionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Waiting => "waiting",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        })
    }
}

/// The status of a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParticipantStatus {
    /// Has not joined.
    Invited,
    /// Joined by its token.
    Joined,
    /// Ready to start.
    Ready,
    /// In the rounds.
    Computing,
    /// Handed in its result.
    Completed,
    /// Blamed for a failed attempt and not asked again.
    Excluded,
}

impl ParticipantStatus {
    /// All statuses.
    pub const ALL: [Self; 6] = [
        Self::Invited,
        Self::Joined,
        Self::Ready,
        Self::Computing,
        Self::Completed,
        Self::Excluded,
    ];

    /// The transition table. A failed attempt takes a computing participant
    /// back to ready, or to invited when it was blamed but is asked again.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use ParticipantStatus::{Completed, Computing, Excluded, Invited, Joined, Ready};
        matches!(
            (self, next),
            (Invited, Joined | Excluded)
                | (Joined, Ready | Excluded | Invited)
                | (Ready, Computing | Excluded | Invited)
                | (Computing, Completed | Ready | Excluded | Invited)
                | (Completed, Ready | Excluded | Invited)
                | (Excluded, Invited)
        )
    }
}

impl fmt::Display for ParticipantStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invited => "invited",
            Self::Joined => "joined",
            Self::Ready => "ready",
            Self::Computing => "computing",
            Self::Completed => "completed",
            Self::Excluded => "excluded",
        })
    }
}

/// A participant of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// Who.
    pub member: Member,
    /// How far it is.
    pub status: ParticipantStatus,
    /// What it handed in for the attempt that runs.
    pub report: Option<Report>,
}

/// The state of a session; the default is one that does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub(super) created: Option<SessionState>,
}

/// The state of a session that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionState {
    /// What was asked.
    pub asked: NewSession,
    /// The status.
    pub status: SessionStatus,
    /// The attempt that runs or comes next, from 1.
    pub attempt: u32,
    /// Who takes part in it, by index.
    pub signers: Vec<PartyId>,
    /// All participants.
    pub participants: BTreeMap<PartyId, Participant>,
    /// Who refused, and is never asked again in this session.
    pub excluded: BTreeSet<PartyId>,
    /// Who accused whom.
    pub accusations: Accusations,
    /// The signature, once there is one.
    pub signature: Option<Signature>,
}

/// Pairs of parties, the lesser name first, of which one accused the other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accusations {
    /// Of cheating: they do not sign together again in this session.
    pub cheating: BTreeSet<(PartyId, PartyId)>,
    /// Of silence: they sign together again only if nobody else can.
    pub silence: BTreeSet<(PartyId, PartyId)>,
}

impl Session {
    /// The state, when the session exists.
    #[must_use]
    pub fn state(&self) -> Option<&SessionState> {
        self.created.as_ref()
    }
}

impl SessionState {
    /// Whether every signer of the attempt is ready.
    #[must_use]
    pub fn all_ready(&self) -> bool {
        self.unready().next().is_none()
    }

    /// The signers that are not ready.
    pub fn unready(&self) -> impl Iterator<Item = &PartyId> {
        self.signers.iter().filter(|party| {
            self.participants
                .get(*party)
                .is_none_or(|p| p.status != ParticipantStatus::Ready)
        })
    }

    /// The receipts handed in, in the order of the members.
    #[must_use]
    pub fn receipts(&self) -> Vec<String> {
        let receipt = |p: &Participant| match &p.report {
            Some(Report::Receipt { receipt }) => Some(receipt.clone()),
            _ => None,
        };
        let mut by_index: Vec<_> = self.participants.values().collect();
        by_index.sort_by_key(|p| p.member.index);
        by_index.into_iter().filter_map(receipt).collect()
    }
}
