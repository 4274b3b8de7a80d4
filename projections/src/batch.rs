//! What the projector hands to a store at once.

use countersign_domain::Timestamp;
use countersign_domain::ids::SessionId;
use countersign_event_store::StreamId;
use serde::{Deserialize, Serialize};

use crate::parties::Signers;
use crate::{AccountRow, KeyRow, PartyRow, Projection, SessionRow, TimelineEntry};

/// A change to one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// An account is now this.
    UpsertAccount(Box<AccountRow>),
    /// A key is now this.
    UpsertKey(Box<KeyRow>),
    /// A session is now this.
    UpsertSession(Box<SessionRow>),
    /// A party is now this.
    UpsertParty(Box<PartyRow>),
    /// These sign in the session whose rounds run; none when they do not run.
    SetRunning(SessionId, Option<Signers>),
    /// This happened in a session, in this order.
    ExtendTimeline(SessionId, Vec<TimelineEntry>),
}

impl Change {
    /// The projection whose row it is.
    #[must_use]
    pub fn projection(&self) -> Projection {
        match self {
            Self::UpsertAccount(_) => Projection::Accounts,
            Self::UpsertKey(_) => Projection::Keys,
            Self::UpsertSession(_) => Projection::Sessions,
            Self::UpsertParty(_) | Self::SetRunning(..) => Projection::Parties,
            Self::ExtendTimeline(..) => Projection::Timeline,
        }
    }
}

/// An event that could not be decoded, and parked its stream: the read models are
/// as if neither it nor any later event of the stream had happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedEvent {
    /// Its position.
    pub position: u64,
    /// Its stream; two flat fields in JSON.
    #[serde(flatten)]
    pub stream: StreamId,
    /// Name of the event.
    pub event_type: String,
    /// Version of the payload's schema.
    pub event_version: u16,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Why; it says nothing of the payload.
    pub reason: String,
}

/// The changes of a run of events. A store applies all of it or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The checkpoint that the batch builds on.
    pub after: u64,
    /// Each row at most once.
    pub changes: Vec<Change>,
    /// Events that parked their streams, each stream at most once.
    pub skipped: Vec<SkippedEvent>,
    /// Position of the last event; the checkpoint from then on.
    pub checkpoint: u64,
}
