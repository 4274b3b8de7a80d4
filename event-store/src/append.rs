//! What goes into the log, and what comes back.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Datelike, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    AppendError, Envelope, PersonalChange, StreamId, canonical, envelope::BegunHash,
    metadata::MetadataColumn, personal,
};

/// Longest name accepted, in bytes.
const MAX_NAME: usize = 512;

/// What the caller knows of a stream: the version of its last event, which is 1
/// for the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedVersion {
    /// The stream has no events.
    NoStream,
    /// The stream's last event has this version; 0 is the same as `NoStream`.
    Exact(u64),
    /// Whatever the version is.
    Any,
}

impl ExpectedVersion {
    pub(crate) fn admits(self, actual: u64) -> bool {
        match self {
            Self::NoStream => actual == 0,
            Self::Exact(version) => actual == version,
            Self::Any => true,
        }
    }
}

impl fmt::Display for ExpectedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStream => f.write_str("no stream"),
            Self::Exact(version) => write!(f, "version {version}"),
            Self::Any => f.write_str("any version"),
        }
    }
}

/// An event to append.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// Name of the event.
    pub event_type: String,
    /// Version of the payload's schema.
    pub event_version: u16,
    /// The event itself: JSON without fractions or integers beyond 2^53 - 1.
    pub payload: Value,
}

/// Where the events of an append come from; every event carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Shared by all that one request from outside caused.
    pub correlation_id: Uuid,
    /// The command or event that caused these.
    pub causation_id: Option<Uuid>,
    /// Who caused them.
    pub actor: String,
    /// W3C trace context of the request.
    pub trace_parent: Option<String>,
}

/// What happens to one stream in an append.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamAppend {
    /// The stream; each may appear once in an append.
    pub stream: StreamId,
    /// The version it has to be at.
    pub expected: ExpectedVersion,
    /// The events; none only asserts the version.
    pub events: Vec<NewEvent>,
}

/// A claim that `value` is unique in `scope`, until its owner is erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// What the value is unique among, such as `account.username`.
    pub scope: String,
    /// The value, normalised by the caller.
    pub value: String,
    /// Who holds it; the same owner may claim it again.
    pub owner: String,
}

/// Identifies a command, so that it is appended once however often it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandRecord {
    /// The command's id.
    pub id: Uuid,
    /// Hash of what the command asks; tells a repeat from another command under
    /// the same id.
    pub fingerprint: [u8; 32],
}

/// A command that the log has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandEntry {
    /// The command.
    pub record: CommandRecord,
    /// Position of its first event. One past `last_position` if it had no events.
    pub first_position: u64,
    /// Position of its last event; the head of the log then, if it had no events.
    pub last_position: u64,
}

/// An append: it happens whole or not at all.
///
/// The checks run in this order: the command, the versions, the reservations. Keys of
/// personal data change in the same transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Append {
    /// Makes the append idempotent.
    pub command: Option<CommandRecord>,
    /// Carried by every event.
    pub metadata: Metadata,
    /// Carried by every event, truncated to microseconds.
    pub recorded_at: DateTime<Utc>,
    /// Streams in the order in which their events take positions.
    pub streams: Vec<StreamAppend>,
    /// Values that have to be free, or held by the same owner.
    pub reservations: Vec<Reservation>,
    /// What becomes of the key of the account that registers or is erased.
    pub personal: Option<PersonalChange>,
}

/// What an append did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Position of the last event; the head of the log if there are none.
    pub last_position: u64,
    /// The events, at contiguous positions.
    pub events: Vec<Arc<Envelope>>,
    /// Whether this command was appended before; the rest is what it did then.
    pub duplicate: bool,
}

/// A checked append.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// What it asks, without the events.
    pub(crate) append: Append,
    /// The events of each stream, in its order.
    pub(crate) drafts: Vec<Vec<Draft>>,
}

/// An event with all that can be made of it before it has a place in the log.
#[derive(Debug)]
pub(crate) struct Draft {
    /// Position, version and previous hash come last.
    pub(crate) envelope: Arc<Envelope>,
    /// The canonical payload.
    pub(crate) payload: Arc<str>,
    /// The text of [`MetadataColumn`].
    pub(crate) metadata: Arc<str>,
    pub(crate) hash: BegunHash,
}

impl Append {
    /// Checks what needs no look at the log, and does what can be done without one.
    pub(crate) fn prepare(mut self) -> Result<Prepared, AppendError> {
        let micros = self.recorded_at.timestamp_micros();
        self.recorded_at = DateTime::from_timestamp_micros(micros)
            .filter(|time| (0..=9999).contains(&time.year()))
            .ok_or_else(|| invalid("recorded_at is outside the years 0 to 9999"))?;
        for reservation in &self.reservations {
            name("scope", &reservation.scope)?;
            name("value", &reservation.value)?;
            name("owner", &reservation.owner)?;
        }
        personal::check(&self)?;
        for (index, stream) in self.streams.iter().enumerate() {
            name("aggregate_type", &stream.stream.aggregate_type)?;
            name("aggregate_id", &stream.stream.aggregate_id)?;
            if stream.stream.aggregate_type.contains('/') {
                return Err(invalid("aggregate_type holds a slash"));
            }
            // There are few.
            let before = &self.streams[..index];
            if before.iter().any(|other| other.stream == stream.stream) {
                return Err(invalid("a stream appears twice"));
            }
        }
        let mut streams = std::mem::take(&mut self.streams);
        let metadata = MetadataColumn::of(&self.metadata).into();
        let drafts = streams
            .iter_mut()
            .map(|it| {
                let events = std::mem::take(&mut it.events).into_iter();
                events
                    .map(|event| self.draft(&it.stream, event, &metadata))
                    .collect()
            })
            .collect::<Result<_, _>>()?;
        self.streams = streams;
        Ok(Prepared {
            append: self,
            drafts,
        })
    }

    fn draft(
        &self,
        stream: &StreamId,
        event: NewEvent,
        metadata: &Arc<str>,
    ) -> Result<Draft, AppendError> {
        name("event_type", &event.event_type)?;
        canonical::check(&event.payload).map_err(invalid)?;
        let payload = canonical::to_vec(&event.payload);
        let payload = String::from_utf8(payload).expect("canonical JSON is UTF-8");
        let envelope = Envelope {
            position: 0,
            stream: stream.clone(),
            version: 0,
            event_type: event.event_type,
            event_version: event.event_version,
            payload: event.payload,
            recorded_at: self.recorded_at,
            correlation_id: self.metadata.correlation_id,
            causation_id: self.metadata.causation_id,
            actor: self.metadata.actor.clone(),
            trace_parent: self.metadata.trace_parent.clone(),
            previous_hash: [0; 32],
        };
        Ok(Draft {
            hash: envelope.begin_hash(payload.as_bytes()),
            envelope: Arc::new(envelope),
            payload: payload.into(),
            metadata: metadata.clone(),
        })
    }
}

fn name(field: &str, text: &str) -> Result<(), AppendError> {
    if text.is_empty() || text.len() > MAX_NAME || text.contains(char::is_control) {
        return Err(invalid(&format!(
            "{field} is empty, longer than {MAX_NAME} bytes or holds a control character"
        )));
    }
    Ok(())
}

fn invalid(reason: &str) -> AppendError {
    AppendError::Invalid(reason.to_owned())
}
