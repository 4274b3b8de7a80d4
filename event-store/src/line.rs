//! Reads an event back from the line that it is in canonical form.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use crate::canonical::{CanonicalText, Rewritten};
use crate::envelope::{known_aggregate_type, leaf};
use crate::{Envelope, StreamId};

/// All fields of an envelope in one place, for `flatten` reads everything twice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    actor: String,
    aggregate_id: String,
    #[serde(borrow)]
    aggregate_type: Cow<'a, str>,
    causation_id: Option<Uuid>,
    correlation_id: Uuid,
    event_type: String,
    event_version: u16,
    payload: Rewritten,
    position: u64,
    #[serde(with = "hex::serde")]
    previous_hash: [u8; 32],
    recorded_at: DateTime<Utc>,
    trace_parent: Option<String>,
    version: u64,
}

/// Why a text is not the canonical form of an envelope.
#[derive(Debug, thiserror::Error)]
pub enum NotCanonical {
    /// It is not the JSON of an envelope.
    #[error("not the JSON of an event: {}", place(.0))]
    Json(#[from] serde_json::Error),
    /// Its payload has no canonical form.
    #[error("{0}")]
    Payload(&'static str),
    /// It could be written otherwise: white space, the order of names, a name that
    /// occurs twice, an escape.
    #[error("not in canonical form (RFC 8785)")]
    Form,
}

/// What a parser says can quote the text; where it stopped cannot.
fn place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Data => "a field is missing, unknown or of another type",
        _ => "a syntax error",
    };
    format!("{what}, column {}", error.column())
}

impl Envelope<CanonicalText> {
    /// Reads an envelope back from its canonical form, and returns its
    /// [`Envelope::hash`] with it, which is that of `text`.
    ///
    /// # Errors
    ///
    /// When `text` is anything else than the canonical form of an envelope.
    pub fn from_canonical(text: &[u8]) -> Result<(Self, [u8; 32]), NotCanonical> {
        let line: Line<'_> = serde_json::from_slice(text)?;
        let payload = line.payload.finish().map_err(NotCanonical::Payload)?;
        let envelope = Self {
            position: line.position,
            stream: StreamId {
                aggregate_type: known_aggregate_type(&line.aggregate_type),
                aggregate_id: line.aggregate_id,
            },
            version: line.version,
            event_type: line.event_type,
            event_version: line.event_version,
            payload: payload.ok_or(NotCanonical::Form)?,
            recorded_at: line.recorded_at,
            correlation_id: line.correlation_id,
            causation_id: line.causation_id,
            actor: line.actor,
            trace_parent: line.trace_parent,
            previous_hash: line.previous_hash,
        };
        // What is hashed must say one thing to every reader.
        if envelope.canonical_with(envelope.payload.as_str().as_bytes()) != text {
            return Err(NotCanonical::Form);
        }
        Ok((envelope, leaf(text)))
    }

    /// The envelope with its payload as a value.
    #[must_use]
    pub fn parsed(self) -> Envelope {
        Envelope {
            payload: self.payload.value(),
            position: self.position,
            stream: self.stream,
            version: self.version,
            event_type: self.event_type,
            event_version: self.event_version,
            recorded_at: self.recorded_at,
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            actor: self.actor,
            trace_parent: self.trace_parent,
            previous_hash: self.previous_hash,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::tests::envelope;

    #[test]
    fn the_canonical_form_is_read_back_and_nothing_else() {
        let envelope = envelope();
        let text = envelope.canonical();
        let (read, hash) = Envelope::from_canonical(&text).unwrap();
        assert_eq!((read.parsed(), hash), (envelope.clone(), envelope.hash()));
        let text = String::from_utf8(text).unwrap();
        let changes = [
            ("{\"actor\"", "{ \"actor\""),
            ("\"version\":2", "\"version\":2,\"version\":2"),
            ("\"version\":2", "\"version\":2,\"more\":1"),
            (",\"version\":2", ""),
            (
                "\"attempt\":0,\"signers\":[1,2]",
                "\"signers\":[1,2],\"attempt\":0",
            ),
            ("\"attempt\":0", "\"attempt\":0.0"),
            ("\"attempt\":0", "\"attempt\":9007199254740992"),
            ("\"attempt\":0", "\"attempt\":1,\"attempt\":0"),
            ("é", "\\u00e9"),
            ("000010Z", "00001Z"),
            ("000010Z", "000010+00:00"),
            ("abab", "ABAB"),
        ];
        for (from, to) in changes {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            let read = Envelope::from_canonical(changed.as_bytes());
            assert!(read.is_err(), "{changed}");
        }
    }
}
