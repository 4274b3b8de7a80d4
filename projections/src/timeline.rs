//! What happened in each session, in order and in a few words; and the [`course()`] of
//! one session, with how long everything took.

mod course;

use countersign_domain::Timestamp;
use countersign_domain::ids::PartyId;
use countersign_domain::session::{Report, SessionEvent};
use countersign_event_store::Recorded;
use serde::{Deserialize, Serialize};

use crate::Name;

pub use course::{
    AttemptCourse, Awaited, AwaitedFor, AwaitedOutcome, Phase, PhaseKind, SessionCourse, Step,
    StepAt, StepKind, course, milliseconds,
};

/// The most characters of a detail.
const DETAIL: usize = 160;

/// Something that happened in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Position of the event.
    pub position: u64,
    /// When it was recorded.
    #[serde(serialize_with = "crate::time::at")]
    pub at: Timestamp,
    /// Name of the event.
    pub event_type: Name,
    /// The attempt, from 1, when the event is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Who did it or said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party: Option<Name>,
    /// What there is to say of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Name>,
}

/// The entry of an event.
#[must_use]
pub fn entry(recorded: &Recorded, event: &SessionEvent) -> TimelineEntry {
    let (attempt, party, detail) = told(event);
    TimelineEntry {
        position: recorded.position,
        at: recorded.recorded_at,
        event_type: recorded.event_type.as_str().into(),
        attempt,
        party: party.map(|party| party.as_str().into()),
        detail: detail.filter(|text| !text.is_empty()).map(short),
    }
}

/// The entry of an event that is not understood.
pub(crate) fn unknown_entry(recorded: &Recorded) -> TimelineEntry {
    TimelineEntry {
        position: recorded.position,
        at: recorded.recorded_at,
        event_type: recorded.event_type.as_str().into(),
        attempt: None,
        party: None,
        detail: None,
    }
}

/// Whether the entry is likely to be the last of its session.
pub(crate) fn is_end(entry: &TimelineEntry) -> bool {
    matches!(
        &*entry.event_type,
        "SessionCompleted" | "SessionFailed" | "SessionExpired" | "SessionCancelled"
    )
}

fn told(event: &SessionEvent) -> (Option<u32>, Option<&PartyId>, Option<String>) {
    match event {
        SessionEvent::SessionCreated { session } => (
            None,
            None,
            Some(format!("{}, {}", session.kind, session.quorum)),
        ),
        SessionEvent::ParticipantJoined { party, device } => {
            let device = format!("{} {}", device.name, device.version);
            (None, Some(party), Some(device))
        }
        SessionEvent::ParticipantReady { party } => (None, Some(party), None),
        SessionEvent::SessionStarted { attempt, signers } => {
            (Some(*attempt), None, Some(names(signers)))
        }
        SessionEvent::AttemptFailed {
            attempt,
            reason,
            culprits,
            reporter,
            detail,
            ..
        } => {
            let mut text = reason.to_string();
            if !culprits.is_empty() {
                text = format!("{text}: {}", names(culprits));
            }
            if !detail.is_empty() {
                text = format!("{text} ({detail})");
            }
            (Some(*attempt), reporter.as_ref(), Some(text))
        }
        SessionEvent::ParticipantReported {
            party,
            attempt,
            report,
        } => {
            let what = match report {
                Report::Receipt { .. } => "a receipt",
                Report::Signature { .. } => "a signature",
            };
            (Some(*attempt), Some(party), Some(what.into()))
        }
        SessionEvent::SessionFailed { reason, detail } => {
            (None, None, Some(format!("{reason}: {detail}")))
        }
        SessionEvent::SessionCompleted { .. }
        | SessionEvent::SessionExpired {}
        | SessionEvent::SessionCancelled { .. } => (None, None, None),
    }
}

fn names(parties: &[PartyId]) -> String {
    let names: Vec<_> = parties.iter().map(PartyId::as_str).collect();
    names.join(", ")
}

fn short(text: String) -> Name {
    match text.char_indices().nth(DETAIL) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

impl TimelineEntry {
    /// Passes every text that other entries are likely to have too.
    pub(crate) fn share(&mut self, mut share: impl FnMut(&mut Name)) {
        share(&mut self.event_type);
        self.party.iter_mut().for_each(&mut share);
        self.detail.iter_mut().for_each(share);
    }
}
