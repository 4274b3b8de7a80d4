//! What the log stores: an event with everything known about it.

use std::{borrow::Cow, fmt};

use chrono::{DateTime, SecondsFormat, Utc};
use countersign_domain::{account::Account, decider::Decider as _, key::Key, session::Session};
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

/// The names of aggregates that are known need no memory of their own.
pub(crate) fn known_aggregate_type(name: &str) -> Cow<'static, str> {
    let known = [Session::TYPE, Key::TYPE, Account::TYPE];
    match known.into_iter().find(|known| *known == name) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(name.to_owned()),
    }
}

/// A stored event. Its payload is a value, or text where nobody needs the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<P = Value> {
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
    pub payload: P,
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
    /// The canonical JSON of the envelope (RFC 8785).
    pub fn canonical(&self) -> Vec<u8> {
        self.canonical_with(&canonical::to_vec(&self.payload))
    }

    /// SHA-256 of a zero byte and [`Envelope::canonical`]: an RFC 9162 leaf hash.
    pub fn hash(&self) -> [u8; 32] {
        leaf(&self.canonical())
    }
}

impl<P> Envelope<P> {
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

    /// The canonical form, with that of the payload.
    pub(crate) fn canonical_with(&self, payload: &[u8]) -> Vec<u8> {
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
        let mut buffer = Uuid::encode_buffer();
        let causation = self.causation_id.as_ref().map(Uuid::as_hyphenated);
        let causation = causation.map(|id| &*id.encode_lower(&mut buffer));
        text(out, ",\"causation_id\":", causation);
        let correlation = self
            .correlation_id
            .as_hyphenated()
            .encode_lower(&mut buffer);
        text(out, ",\"correlation_id\":", Some(correlation));
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
    out.extend_from_slice(b",\"previous_hash\":\"");
    let from = out.len();
    out.resize(from + 2 * previous_hash.len(), 0);
    hex::encode_to_slice(previous_hash, &mut out[from..]).expect("there is room for it");
    out.push(b'"');
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

/// The hash of an event that is in canonical form.
pub(crate) fn leaf(canonical: &[u8]) -> [u8; 32] {
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
    canonical::write_integer(out, value);
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
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn envelope() -> Envelope {
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
