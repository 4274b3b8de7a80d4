//! From stored events to the domain's.

use crate::{Envelope, UpcastError, Upcasters};
use countersign_domain::account::{Account, AccountEvent};
use countersign_domain::decider::{Decider, StoredEvent};
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_domain::key::{Key, KeyEvent};
use countersign_domain::session::{Session, SessionEvent};

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

/// Decodes stored events of any version that has upcasters.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    upcasters: Upcasters,
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
        let id = envelope.stream.aggregate_id.as_str();
        let kind = envelope.stream.aggregate_type.as_ref();
        Ok(if kind == Account::TYPE {
            let id = id.parse().map_err(|_| DecodeError::StreamId)?;
            Decoded::Account(id, self.event(envelope)?)
        } else if kind == Key::TYPE {
            let id = id.parse().map_err(|_| DecodeError::StreamId)?;
            Decoded::Key(id, self.event(envelope)?)
        } else if kind == Session::TYPE {
            let id = id.parse().map_err(|_| DecodeError::StreamId)?;
            Decoded::Session(id, Box::new(self.event(envelope)?))
        } else {
            Decoded::Other
        })
    }

    /// Decodes an event of a known type.
    ///
    /// # Errors
    /// [`DecodeError`] for an event that this build does not understand.
    pub fn event<E: StoredEvent>(&self, envelope: &Envelope) -> Result<E, DecodeError> {
        let version = envelope.event_version;
        let current = current_version(&envelope.event_type);
        let event = if version == current {
            E::deserialize(&envelope.payload)
        } else {
            let payload = envelope.payload.clone();
            let upcasters = &self.upcasters;
            E::deserialize(upcasters.upcast(&envelope.event_type, version, payload, current)?)
        };
        match event {
            Ok(event) if event.name() == envelope.event_type => Ok(event),
            _ => Err(DecodeError::Payload {
                event_type: envelope.event_type.clone(),
                version,
            }),
        }
    }
}

/// The version in which the domain has an event, which must be known before it
/// can be decoded; after that it is [`StoredEvent::version`].
fn current_version(_event_type: &str) -> u16 {
    1
}
