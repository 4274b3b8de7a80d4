//! The first thing that is wrong, and where.

use std::fmt;

use countersign_domain::account::AccountError;
use countersign_domain::intent::IntentError;
use countersign_domain::key::KeyError;
use countersign_domain::session::{IllegalEvent, SessionError};
use countersign_domain::signature::SignatureError;
use countersign_event_store::{ChainError, Envelope};
use serde_json::{Value, json};

use crate::bundle::Damage;
use crate::checkpoint::CheckpointFault;

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Position of the event; that of the last one before, for a fault of the whole.
    pub position: u64,
    /// The event, when it can be told.
    pub event: Option<Box<FaultyEvent>>,
    /// What is wrong.
    pub reason: Reason,
}

/// An event with a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultyEvent {
    /// Its stream.
    pub stream: String,
    /// Its place in the stream.
    pub version: u64,
    /// Its name.
    pub event_type: String,
}

impl<P> From<&Envelope<P>> for FaultyEvent {
    fn from(envelope: &Envelope<P>) -> Self {
        Self {
            stream: envelope.stream.to_string(),
            version: envelope.version,
            event_type: envelope.event_type.clone(),
        }
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The file is damaged or no bundle.
    #[error("{0}")]
    Bundle(#[from] Damage),
    /// The log itself cannot be read.
    #[error("the log cannot be read: {0}")]
    Unreadable(String),
    /// The line of an event is not its canonical form.
    #[error("the event is {0}")]
    Line(String),
    /// An event is missing, too many, out of order, or was changed later.
    #[error("{0}")]
    Chain(ChainError),
    /// A checkpoint is malformed, of another log, or not signed by a trusted key.
    #[error("the checkpoint{} is refused: {fault}", of(.size))]
    Checkpoint {
        /// The size that it says.
        size: Option<u64>,
        /// Why.
        fault: CheckpointFault,
    },
    /// There is no checkpoint at all.
    #[error("no checkpoint: nothing signed vouches for these events")]
    NoCheckpoint,
    /// The log is not the one that was signed.
    #[error(
        "the first {size} events are not those that were signed: the root of a checkpoint is \
         another; the log was rewritten, or the checkpoint is of a fork of it"
    )]
    Root {
        /// Size of the checkpoint.
        size: u64,
    },
    /// The log is shorter than one that was signed.
    #[error(
        "there are {events} events, and a checkpoint was signed over {size}: the log was cut off \
         or rolled back"
    )]
    RolledBack {
        /// Size of the checkpoint.
        size: u64,
        /// Events there are.
        events: u64,
    },
    /// A witness has cosigned nothing.
    #[error("no checkpoint is cosigned by the witness {0}")]
    Witness(String),
    /// Not as many events as announced.
    #[error("{found} events are there, and {announced} are announced")]
    Count {
        /// What header or footer says.
        announced: u64,
        /// How many there are.
        found: u64,
    },
    /// Not as many checkpoints as announced.
    #[error("{given} checkpoints are there, and {announced} are announced")]
    Checkpoints {
        /// What the footer says.
        announced: u64,
        /// How many there are.
        given: u64,
    },
    /// The footer has another root.
    #[error("the root of the events is not the one in the footer: an event was changed")]
    FooterRoot,
    /// The event is not one that this program knows.
    #[error("the event cannot be decoded: {0}")]
    Undecodable(String),
    /// The event says the same as another payload, which is the one that is written.
    #[error("the payload is not in the form in which such an event is written")]
    Payload,
    /// No command leads to such an event in this version.
    #[error("no command of this version records such an event")]
    NoRule,
    /// An event that must come next did not.
    #[error("{0} must come next: it was recorded together with the event before")]
    Missing(&'static str),
    /// An event that only ever comes with another.
    #[error("it does not follow from the events before it")]
    Unfounded,
    /// The event belongs to another stream, or its fields do not fit each other.
    #[error("the {0} is not what it must be here")]
    Field(&'static str),
    /// Personal data that do not open with the key of their account.
    #[error(
        "the personal data do not open with the key of the account: they were changed, or the key"
    )]
    Sealed,
    /// A name that another account holds.
    #[error("the {0} is another account's")]
    Taken(&'static str),
    /// The account cannot be in this state.
    #[error("{0}")]
    Account(#[from] AccountError),
    /// The key cannot be in this state.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// The session cannot be in this state.
    #[error("{0}")]
    Session(#[from] IllegalEvent),
    /// The intent is not signed by the account's key of that time, was not valid then,
    /// or is none.
    #[error("the intent is refused: {0}")]
    Intent(#[from] IntentError),
    /// The intent asks for something else.
    #[error("the intent asks for another {0}")]
    NotIntended(&'static str),
    /// An intent that another event was recorded for.
    #[error("the intent was used before: it authorises one command")]
    UsedIntent,
    /// A signature that is not one by the key.
    #[error("{0}")]
    Signature(#[from] SignatureError),
}

fn of(size: &Option<u64>) -> String {
    size.map_or_else(String::new, |size| format!(" over {size} events"))
}

impl From<SessionError> for Reason {
    fn from(error: SessionError) -> Self {
        Self::Session(error.into())
    }
}

impl Reason {
    /// A fault of the whole, found after the event at `position`.
    pub(crate) fn at_end(self, position: u64) -> Fault {
        Fault {
            position,
            event: None,
            reason: self,
        }
    }

    /// A fault of this event.
    pub(crate) fn of<P>(self, envelope: &Envelope<P>) -> Fault {
        Fault {
            position: envelope.position,
            event: Some(Box::new(envelope.into())),
            reason: self,
        }
    }

    /// A word for it that does not change.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bundle(Damage::UnknownSection(_)) => "unknown_section",
            Self::Bundle(_) => "damaged",
            Self::Unreadable(_) => "unreadable",
            Self::Line(_) => "not_canonical",
            Self::Chain(ChainError::Position { .. }) => "position",
            Self::Chain(ChainError::Version { .. }) => "version",
            Self::Chain(ChainError::Hash { .. }) => "chain",
            Self::Checkpoint { .. } => "checkpoint",
            Self::NoCheckpoint => "no_checkpoint",
            Self::Root { .. } => "root",
            Self::RolledBack { .. } => "rolled_back",
            Self::Witness(_) => "witness",
            Self::Count { .. } | Self::Checkpoints { .. } => "count",
            Self::FooterRoot => "footer_root",
            Self::Undecodable(_) => "undecodable",
            Self::Payload => "payload",
            Self::NoRule => "no_rule",
            Self::Missing(_) | Self::Unfounded => "incomplete",
            Self::Field(_) => "field",
            Self::Sealed => "sealed",
            Self::Taken(_) => "taken",
            Self::Account(_) | Self::Key(_) | Self::Session(_) => "transition",
            Self::Intent(_) => "intent",
            Self::NotIntended(_) => "not_intended",
            Self::UsedIntent => "used_intent",
            Self::Signature(_) => "signature",
        }
    }
}

impl Fault {
    /// The fault as JSON.
    pub fn to_json(&self) -> Value {
        let event = self.event.as_ref();
        json!({
            "position": self.position,
            "stream": event.map(|event| &event.stream),
            "version": event.map(|event| event.version),
            "event_type": event.map(|event| &event.event_type),
            "code": self.reason.code(),
            "reason": self.reason.to_string(),
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.event {
            Some(event) => write!(
                f,
                "position {}, {} of {} (version {}): {}",
                self.position, event.event_type, event.stream, event.version, self.reason
            ),
            None if self.position == 0 => self.reason.fmt(f),
            None => write!(f, "after position {}: {}", self.position, self.reason),
        }
    }
}

impl std::error::Error for Fault {}
