//! What there is to see of the course of a session.

use countersign_domain::Timestamp;
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_domain::session::{AttemptFailure, SessionKind, SessionStatus};
use serde::{Deserialize, Serialize};

use crate::sessions::FailureView;
use crate::{Name, TimelineEntry};

/// The course of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionCourse {
    /// The session.
    pub session_id: SessionId,
    /// Which protocol run.
    pub kind: SessionKind,
    /// Whose.
    pub account_id: AccountId,
    /// The key that is made or used.
    pub key_id: KeyId,
    /// The status.
    pub status: SessionStatus,
    /// How many must sign.
    pub threshold: u8,
    /// How many hold a share.
    pub parties: u8,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// When it ends in any case.
    pub expires_at: Timestamp,
    /// From its creation to its end, or up to now, in milliseconds.
    pub took_ms: f64,
    /// The attempts, in order.
    pub attempts: Vec<AttemptCourse>,
    /// The phases, in order; each begins where the one before ends.
    pub phases: Vec<Phase>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureView>,
    /// What happened, in order.
    pub entries: Vec<TimelineEntry>,
    /// Position of its last event.
    pub position: u64,
}

/// An attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptCourse {
    /// Which, from 1.
    pub attempt: u32,
    /// Who takes part, by index.
    pub signers: Vec<Name>,
    /// When its signers were first awaited.
    pub from: Timestamp,
    /// When its rounds began; none when its signers did not get ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Up to its end, or up to now, in milliseconds.
    pub took_ms: f64,
    /// Why it failed; none when it did not, or the session ended otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<AttemptFailure>,
    /// Who is to blame, as far as it is known.
    pub culprits: Vec<Name>,
    /// Who says so; none for a deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reporter: Option<Name>,
    /// The reporter's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Name>,
}

/// What a session does for some time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// What.
    pub phase: PhaseKind,
    /// In which attempt.
    pub attempt: u32,
    /// When it began.
    pub from: Timestamp,
    /// When it ended; none while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Up to its end, or up to now, in milliseconds.
    pub took_ms: f64,
    /// Who was awaited in it.
    pub awaited: Vec<Awaited>,
    /// What the parties told of their rounds while they computed. It is not in the log:
    /// empty where nobody has heard it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

/// What a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    /// Its signers join and get ready.
    Gathering,
    /// The rounds of the protocol, up to the first result.
    Rounds,
    /// From the first party's result to the last one's.
    Results,
}

/// A party that was awaited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Awaited {
    /// Who.
    pub party: Name,
    /// For what.
    pub r#for: AwaitedFor,
    /// Since when.
    pub from: Timestamp,
    /// Until when; none while it is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Up to the end of it, or up to now, in milliseconds.
    pub took_ms: f64,
    /// How it ended.
    pub outcome: AwaitedOutcome,
}

/// What a party is awaited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AwaitedFor {
    /// To join.
    Join,
    /// To say that it is ready.
    Ready,
    /// To hand in its result.
    Result,
}

/// What became of waiting for a party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AwaitedOutcome {
    /// It did what it was awaited for.
    Came,
    /// It did not, and the attempt or the session came to nothing.
    Missed,
    /// It was not needed any more.
    NotNeeded,
    /// It is awaited still.
    Pending,
}

/// A step of the parties while the rounds run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What they do.
    pub step: StepKind,
    /// In which round, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u8>,
    /// When the first of them came to it, by its clock.
    pub from: Timestamp,
    /// How long the slowest of them took for it, in milliseconds; none when nobody is
    /// known to be further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<f64>,
    /// The last to come to it of several: whom the others waited for, as far as their
    /// clocks agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Name>,
    /// Each of them.
    pub parties: Vec<StepAt>,
}

/// What parties do while the rounds run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// They wait for what the others send in a round.
    Round,
    /// They seal their shares on disk.
    Sealing,
    /// They compare results.
    Confirming,
    /// They have finished.
    Done,
}

/// A party at a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepAt {
    /// Who.
    pub party: Name,
    /// When it came to it, by its clock.
    pub at: Timestamp,
    /// How long it took, by its clock, in milliseconds; none when it is not known to be
    /// further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<f64>,
}

/// Milliseconds from one time to another, to the microsecond; none are negative,
/// whatever the clocks said.
#[must_use]
pub fn milliseconds(from: Timestamp, until: Timestamp) -> f64 {
    let took = until.signed_duration_since(from).num_microseconds();
    // Exact up to 2^53 microseconds.
    took.unwrap_or(i64::MAX).max(0) as f64 / 1000.0
}
