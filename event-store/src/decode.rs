//! From stored events to the domain's.

use std::sync::Arc;

use crate::canonical::CanonicalText;
use crate::{Envelope, Recorded, StreamId, UpcastError, Upcasters};
use countersign_domain::account::{Account, AccountEvent};
use countersign_domain::decider::{Decider, StoredEvent};
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_domain::key::{Key, KeyEvent};
use countersign_domain::session::{Session, SessionEvent};
use serde_json::Value;

/// An event of one of the domain's aggregates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// Of an account.
    Account(AccountId, AccountEvent),
    /// Of a key.
    Key(KeyId, KeyEvent),
    /// Of a session.
    Session(SessionId, Box<SessionEvent>),
    /// Of an aggregate that this build does not know.
    Other,
}

/// Why an event cannot be decoded. Nothing of the payload is said.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The stream's id is no UUID.
    #[error("the stream's id is no UUID")]
    StreamId,
    /// The payload cannot be brought to the version known here.
    #[error(transparent)]
    Version(#[from] UpcastError),
    /// The payload is not what the event's name says.
    #[error("the payload is not that of a {event_type}, version {version}")]
    Payload {
        /// Name of the event.
        event_type: String,
        /// Version of the payload's schema.
        version: u16,
    },
}

/// A stored event, decoded.
#[derive(Debug)]
pub struct DecodedEvent {
    /// Where and when it was recorded.
    pub recorded: Recorded,
    /// What it says.
    pub decoded: Result<Decoded, DecodeError>,
}

/// Decodes stored events of any version that has upcasters.
#[derive(Debug, Clone)]
pub struct Decoder {
    upcasters: Upcasters,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(Upcasters::known())
    }
}

impl Decoder {
    /// A decoder with these upcasters.
    #[must_use]
    pub fn new(upcasters: Upcasters) -> Self {
        Self { upcasters }
    }

    /// Decodes an event.
    ///
    /// # Errors
    /// [`DecodeError`] for an event that this build does not understand.
    pub fn decode(&self, envelope: &Envelope) -> Result<Decoded, DecodeError> {
        self.decode_as(envelope.into(), &envelope.payload)
    }

    /// Decodes an event that was read from its canonical form.
    ///
    /// # Errors
    /// [`DecodeError`] for an event that this build does not understand.
    pub fn decode_line(&self, envelope: &Envelope<CanonicalText>) -> Result<Decoded, DecodeError> {
        self.decode_as(envelope.into(), envelope.payload.as_str())
    }

    /// Decodes events, each by itself.
    pub fn decode_all(&self, envelopes: Vec<Arc<Envelope>>) -> Vec<DecodedEvent> {
        let decode = |envelope: Arc<Envelope>| {
            let recorded = envelope.recorded();
            let decoded = self.decode_as((&recorded).into(), &envelope.payload);
            DecodedEvent { recorded, decoded }
        };
        envelopes.into_iter().map(decode).collect()
    }

    /// Decodes an event whose payload is at hand as JSON text.
    pub fn decode_text(&self, recorded: Recorded, payload: &str) -> DecodedEvent {
        let decoded = self.decode_as((&recorded).into(), payload);
        DecodedEvent { recorded, decoded }
    }

    /// Decodes an event of a known type.
    ///
    /// # Errors
    /// [`DecodeError`] for an event that this build does not understand.
    pub fn event<E: StoredEvent>(&self, envelope: &Envelope) -> Result<E, DecodeError> {
        self.event_as(envelope.into(), &envelope.payload)
    }

    fn decode_as<P: Payload>(&self, kind: Kind<'_>, payload: P) -> Result<Decoded, DecodeError> {
        let id = kind.stream.aggregate_id.as_str();
        let aggregate = kind.stream.aggregate_type.as_ref();
        Ok(if aggregate == Account::TYPE {
            let id = id.parse().map_err(|_| DecodeError::StreamId)?;
            Decoded::Account(id, self.event_as(kind, payload)?)
        } else if aggregate == Key::TYPE {
            let id = id.parse().map_err(|_| DecodeError::StreamId)?;
            Decoded::Key(id, self.event_as(kind, payload)?)
        } else if aggregate == Session::TYPE {
            let id = id.parse().map_err(|_| DecodeError::StreamId)?;
            Decoded::Session(id, Box::new(self.event_as(kind, payload)?))
        } else {
            Decoded::Other
        })
    }

    fn event_as<E: StoredEvent>(
        &self,
        kind: Kind<'_>,
        payload: impl Payload,
    ) -> Result<E, DecodeError> {
        let (name, version) = (kind.event_type, kind.event_version);
        let current = current_version(name);
        let event = if version == current {
            payload.event(name)
        } else {
            payload
                .value()
                .map(|value| self.upcasters.upcast(name, version, value, current))
                .transpose()?
                .and_then(|value| named(E::deserialize(value).ok(), name))
        };
        event.ok_or_else(|| DecodeError::Payload {
            event_type: name.to_owned(),
            version,
        })
    }
}

/// What tells how an event is decoded.
#[derive(Clone, Copy)]
struct Kind<'a> {
    stream: &'a StreamId,
    event_type: &'a str,
    event_version: u16,
}

impl<'a> From<&'a Recorded> for Kind<'a> {
    fn from(recorded: &'a Recorded) -> Self {
        Self {
            stream: &recorded.stream,
            event_type: &recorded.event_type,
            event_version: recorded.event_version,
        }
    }
}

impl<'a, P> From<&'a Envelope<P>> for Kind<'a> {
    fn from(envelope: &'a Envelope<P>) -> Self {
        Self {
            stream: &envelope.stream,
            event_type: &envelope.event_type,
            event_version: envelope.event_version,
        }
    }
}

/// What an event is decoded from: text as it is stored needs no value in between,
/// unless an upcaster has to see one.
trait Payload {
    /// The event, if it is one of this name.
    fn event<E: StoredEvent>(self, name: &str) -> Option<E>;

    /// The JSON, if it is any.
    fn value(self) -> Option<Value>;
}

/// The event, if it has this name.
fn named<E: StoredEvent>(event: Option<E>, name: &str) -> Option<E> {
    event.filter(|event| event.name() == name)
}

impl Payload for &Value {
    fn event<E: StoredEvent>(self, name: &str) -> Option<E> {
        named(E::deserialize(self).ok(), name)
    }

    fn value(self) -> Option<Value> {
        Some(self.clone())
    }
}

impl Payload for &str {
    fn event<E: StoredEvent>(self, name: &str) -> Option<E> {
        E::from_text(name, self)
    }

    fn value(self) -> Option<Value> {
        serde_json::from_str(self).ok()
    }
}

/// The version in which the domain has an event, which must be known before it
/// can be decoded; after that it is [`StoredEvent::version`].
fn current_version(event_type: &str) -> u16 {
    match event_type {
        "AccountRegistered" => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use countersign_domain::personal::{Personal, PersonalData};
    use serde_json::json;

    use super::*;

    fn recorded(event_version: u16) -> Recorded {
        Recorded {
            position: 7,
            stream: StreamId::new("session", uuid::Uuid::from_u128(1)),
            version: 3,
            event_type: "ParticipantReady".into(),
            event_version,
            recorded_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    fn decode(event_version: u16, payload: &str) -> Result<Decoded, String> {
        let upcasters = Upcasters::new().register("ParticipantReady", 0, |mut payload| {
            payload["party"] = payload["who"].take();
            payload
        });
        let event = Decoder::new(upcasters).decode_text(recorded(event_version), payload);
        assert_eq!(event.recorded, recorded(event_version));
        event.decoded.map_err(|error| error.to_string())
    }

    #[test]
    fn text_is_decoded_as_its_value_is() {
        let now = r#"{"party":"party-1","type":"ParticipantReady"}"#;
        let before = r#"{"type":"ParticipantReady","who":"party-1"}"#;
        let ready = SessionEvent::ParticipantReady {
            party: "party-1".parse().expect("a name"),
        };
        let id = SessionId(uuid::Uuid::from_u128(1));
        let expected = Decoded::Session(id, Box::new(ready));
        assert_eq!(decode(1, now), Ok(expected.clone()));
        assert_eq!(decode(0, before), Ok(expected.clone()));
        let value = serde_json::from_str::<Value>(now).expect("JSON");
        let decoded = Decoder::default().decode_as((&recorded(1)).into(), &value);
        assert_eq!(decoded.expect("an event"), expected);
    }

    #[test]
    fn a_registration_in_clear_is_still_read() {
        const STORED: &str =
            include_str!("../../domain/tests/golden/account/AccountRegistered.v1.json");
        let recorded = Recorded {
            stream: StreamId::new("account", uuid::Uuid::from_u128(1)),
            event_type: "AccountRegistered".into(),
            ..recorded(1)
        };
        let decoded = Decoder::default().decode_text(recorded, STORED).decoded;
        let Ok(Decoded::Account(_, AccountEvent::AccountRegistered { personal, .. })) = decoded
        else {
            panic!("{decoded:?}");
        };
        let expected = PersonalData {
            username: "alice".into(),
            email: "alice@example.com".into(),
            intent: "header.claims.signature".into(),
        };
        assert_eq!(personal, Personal::Open(expected));
    }

    #[test]
    fn what_is_not_the_event_is_refused() {
        let refused = "the payload is not that of a ParticipantReady, version 1";
        for payload in [
            json!({"type": "ParticipantReady"}),
            json!({"type": "SessionExpired"}),
            json!({"type": "ParticipantReady", "party": "NO NAME"}),
            json!(null),
        ] {
            assert_eq!(decode(1, &payload.to_string()), Err(refused.into()));
        }
        assert_eq!(decode(1, r#""\ud800""#), Err(refused.into()));
        let newer = decode(2, "{}").expect_err("it is newer");
        assert!(newer.contains("knows 1 at most"), "{newer}");
    }
}
