//! What the log stores: an event with everything known about it.

use std::{borrow::Cow, fmt};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::canonical;

/// Names a stream: the events of one aggregate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamId {
    /// Kind of aggregate, such as `session`.
    pub aggregate_type: Cow<'static, str>,
    /// Which one of the kind.
    pub aggregate_id: String,
}

impl StreamId {
    /// The stream of the aggregate `aggregate_id` of a kind.
    pub fn new(aggregate_type: &'static str, aggregate_id: impl fmt::Display) -> Self {
        Self {
            aggregate_type: Cow::Borrowed(aggregate_type),
            aggregate_id: aggregate_id.to_string(),
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.aggregate_type, self.aggregate_id)
    }
}

/// A stored event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Place among all events: from 1, without gaps, in commit order.
    pub position: u64,
    /// The stream it belongs to; two flat fields in JSON.
    #[serde(flatten)]
    pub stream: StreamId,
    /// Place in its stream: from 1, without gaps.
    pub version: u64,
    /// Name of the event.
    pub event_type: String,
    /// Version of the payload's schema.
    pub event_version: u16,
    /// The event itself.
    pub payload: Value,
    /// When it was recorded, to the microsecond.
    #[serde(serialize_with = "serialize_time")]
    pub recorded_at: DateTime<Utc>,
    /// Shared by all that one request from outside caused.
    pub correlation_id: Uuid,
    /// The command or event that caused this one.
    pub causation_id: Option<Uuid>,
    /// Who caused it.
    pub actor: String,
    /// W3C trace context of the request.
    pub trace_parent: Option<String>,
    /// [`Envelope::hash`] of the stream's previous event; zeros for the first.
    #[serde(with = "hex::serde")]
    pub previous_hash: [u8; 32],
}

/// Where and when an event was recorded: what there is to know of it apart from what
/// it says and who caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Place among all events: from 1, without gaps, in commit order.
    pub position: u64,
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Place in its stream: from 1, without gaps.
    pub version: u64,
    /// Name of the event.
    pub event_type: String,
    /// Version of the payload's schema.
    pub event_version: u16,
    /// When it was recorded, to the microsecond.
    pub recorded_at: DateTime<Utc>,
}

impl Envelope {
    /// Where and when the event was recorded.
    pub fn recorded(&self) -> Recorded {
        Recorded {
            position: self.position,
            stream: self.stream.clone(),
            version: self.version,
            event_type: self.event_type.clone(),
            event_version: self.event_version,
            recorded_at: self.recorded_at,
        }
    }

    /// The canonical JSON of the envelope (RFC 8785).
    pub fn canonical(&self) -> Vec<u8> {
        self.canonical_with(&canonical::to_vec(&self.payload))
    }

    /// SHA-256 of a zero byte and [`Envelope::canonical`]: an RFC 9162 leaf hash.
    pub fn hash(&self) -> [u8; 32] {
        leaf(&self.canonical())
    }

    /// Reads an envelope back from its canonical form, and returns its
    /// [`Envelope::hash`] with it, which is that of `text`.
    ///
    /// # Errors
    ///
    /// When `text` is anything else than the canonical form of an envelope.
    pub fn from_canonical(text: &[u8]) -> Result<(Self, [u8; 32]), NotCanonical> {
        let line: Line<'_> = serde_json::from_slice(text)?;
        canonical::check(&line.payload).map_err(NotCanonical::Payload)?;
        let envelope = Self {
            position: line.position,
            stream: StreamId {
                aggregate_type: Cow::Owned(line.aggregate_type.into_owned()),
                aggregate_id: line.aggregate_id,
            },
            version: line.version,
            event_type: line.event_type,
            event_version: line.event_version,
            payload: line.payload,
            recorded_at: line.recorded_at,
            correlation_id: line.correlation_id,
            causation_id: line.causation_id,
            actor: line.actor,
            trace_parent: line.trace_parent,
            previous_hash: line.previous_hash,
        };
        // What is hashed must say one thing to every reader.
        if envelope.canonical() != text {
            return Err(NotCanonical::Form);
        }
        Ok((envelope, leaf(text)))
    }

    /// [`Envelope::hash`] for a payload whose canonical form is at hand, as far as it
    /// does not depend on the event's place.
    pub(crate) fn begin_hash(&self, payload: &[u8]) -> BegunHash {
        let mut begun = Sha256::new();
        begun.update([0]);
        let mut out = Vec::with_capacity(payload.len() + 512);
        self.write_content(&mut out, payload);
        begun.update(&out);
        out.clear();
        self.write_circumstances(&mut out);
        BegunHash {
            begun,
            circumstances: out,
        }
    }

    fn canonical_with(&self, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(payload.len() + 512);
        // In the order of the sorted keys.
        self.write_content(&mut out, payload);
        write_place(&mut out, self.position, &self.previous_hash);
        self.write_circumstances(&mut out);
        write_version(&mut out, self.version);
        out
    }

    fn write_content(&self, out: &mut Vec<u8>, payload: &[u8]) {
        text(out, "{\"actor\":", Some(&self.actor));
        text(out, ",\"aggregate_id\":", Some(&self.stream.aggregate_id));
        text(
            out,
            ",\"aggregate_type\":",
            Some(&self.stream.aggregate_type),
        );
        let causation = self.causation_id.map(|id| id.to_string());
        text(out, ",\"causation_id\":", causation.as_deref());
        let correlation = self.correlation_id.to_string();
        text(out, ",\"correlation_id\":", Some(&correlation));
        text(out, ",\"event_type\":", Some(&self.event_type));
        number(out, ",\"event_version\":", self.event_version.into());
        out.extend_from_slice(b",\"payload\":");
        out.extend_from_slice(payload);
    }

    fn write_circumstances(&self, out: &mut Vec<u8>) {
        let recorded_at = format_time(&self.recorded_at);
        text(out, ",\"recorded_at\":", Some(&recorded_at));
        text(out, ",\"trace_parent\":", self.trace_parent.as_deref());
    }
}

fn write_place(out: &mut Vec<u8>, position: u64, previous_hash: &[u8; 32]) {
    number(out, ",\"position\":", position);
    let previous = hex::encode(previous_hash);
    text(out, ",\"previous_hash\":", Some(&previous));
}

fn write_version(out: &mut Vec<u8>, version: u64) {
    number(out, ",\"version\":", version);
    out.push(b'}');
}

/// The hash of an event whose place is not known yet. Places are given one by one, by
/// the one who writes; the rest of the work is done before.
#[derive(Clone, Debug)]
pub(crate) struct BegunHash {
    begun: Sha256,
    /// What comes between the event's two places.
    circumstances: Vec<u8>,
}

impl BegunHash {
    /// The [`Envelope::hash`] of the event in this place.
    pub(crate) fn finish(&self, position: u64, version: u64, previous_hash: &[u8; 32]) -> [u8; 32] {
        let mut out = Vec::with_capacity(self.circumstances.len() + 192);
        write_place(&mut out, position, previous_hash);
        out.extend_from_slice(&self.circumstances);
        write_version(&mut out, version);
        let mut hasher = self.begun.clone();
        hasher.update(&out);
        hasher.finalize().into()
    }
}

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
    payload: Value,
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

fn leaf(canonical: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(canonical);
    hasher.finalize().into()
}

fn text(out: &mut Vec<u8>, key: &str, value: Option<&str>) {
    out.extend_from_slice(key.as_bytes());
    match value {
        Some(value) => canonical::write_str(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

fn number(out: &mut Vec<u8>, key: &str, value: u64) {
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(value.to_string().as_bytes());
}

/// RFC 3339 in UTC with six digits, always, so that the form never varies.
pub(crate) fn format_time(time: &DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn serialize_time<S: serde::Serializer>(
    time: &DateTime<Utc>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_time(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn envelope() -> Envelope {
        Envelope {
            position: 7,
            stream: StreamId::new("session", Uuid::from_u128(1)),
            version: 2,
            event_type: "SessionStarted".into(),
            event_version: 1,
            payload: json!({"signers": [1, 2], "attempt": 0}),
            recorded_at: DateTime::from_timestamp_micros(1_700_000_000_000_010).unwrap(),
            correlation_id: Uuid::from_u128(2),
            causation_id: None,
            actor: "account/\"é\"".into(),
            trace_parent: Some("00-01-02-00".into()),
            previous_hash: [0xab; 32],
        }
    }

    #[test]
    fn the_canonical_form_is_the_json_with_sorted_keys() {
        for causation_id in [None, Some(Uuid::from_u128(3))] {
            let envelope = Envelope {
                causation_id,
                ..envelope()
            };
            let value = serde_json::to_value(&envelope).unwrap();
            assert_eq!(envelope.canonical(), canonical::to_vec(&value));
            assert_eq!(serde_json::from_value::<Envelope>(value).unwrap(), envelope);
        }
    }

    #[test]
    fn the_canonical_form_is_read_back_and_nothing_else() {
        let envelope = envelope();
        let text = envelope.canonical();
        let (read, hash) = Envelope::from_canonical(&text).unwrap();
        assert_eq!((&read, hash), (&envelope, envelope.hash()));
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

    #[test]
    fn json_is_flat_and_its_forms_are_fixed() {
        let value = serde_json::to_value(envelope()).unwrap();
        assert_eq!(value["aggregate_type"], "session");
        assert_eq!(value["recorded_at"], "2023-11-14T22:13:20.000010Z");
        assert_eq!(value["previous_hash"], "ab".repeat(32));
    }

    /// Stored chains stay checkable only while this hash never changes. It is
    /// `sha256sum` of a zero byte and the canonical form.
    #[test]
    fn the_hash_is_the_leaf_hash_of_the_canonical_form() {
        let canonical = concat!(
            r#"{"actor":"account/\"é\"","aggregate_id":"00000000-0000-0000-0000-000000000001","#,
            r#""aggregate_type":"session","causation_id":null,"#,
            r#""correlation_id":"00000000-0000-0000-0000-000000000002","#,
            r#""event_type":"SessionStarted","event_version":1,"#,
            r#""payload":{"attempt":0,"signers":[1,2]},"position":7,"#,
            r#""previous_hash":"abababababababababababababababababababababababababababababababab","#,
            r#""recorded_at":"2023-11-14T22:13:20.000010Z","trace_parent":"00-01-02-00","version":2}"#,
        );
        let envelope = envelope();
        assert_eq!(envelope.canonical(), canonical.as_bytes());
        assert_eq!(
            hex::encode(envelope.hash()),
            "f467bce21c2bb376dcde430182924e9133de1b1e3f64615949d47eca0e25687e"
        );
    }
}
