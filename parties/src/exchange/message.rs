//! What exchanges say to each other.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::engine::{Outgoing, PartyIndex, Recipient};

/// One message between two exchanges, before it is sealed to its receiver.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// A ceremony's message.
    Data {
        /// The ceremony's round, from 1.
        round: u8,
        /// The engine's encoding, wiped on drop.
        body: Zeroizing<Vec<u8>>,
    },
    /// Asks for the receiver's message of a round once more.
    Resend {
        /// The ceremony's round, from 1.
        round: u8,
    },
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data { round, body } => f
                .debug_struct("Data")
                .field("round", round)
                .field("body_bytes", &body.len())
                .finish(),
            Self::Resend { round } => f.debug_struct("Resend").field("round", round).finish(),
        }
    }
}

/// A message and whom it goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send {
    /// All peers, or one.
    pub to: Recipient,
    /// What they get.
    pub message: Message,
}

impl Send {
    /// A ceremony's message as it goes out the first time.
    pub(super) fn from_outgoing(outgoing: &Outgoing) -> Self {
        Self {
            to: outgoing.to,
            message: Message::Data {
                round: outgoing.round,
                body: outgoing.body.clone(),
            },
        }
    }

    /// The same message again, for one peer.
    pub(super) fn again(outgoing: &Outgoing, to: PartyIndex) -> Self {
        Self {
            to: Recipient::One(to),
            ..Self::from_outgoing(outgoing)
        }
    }
}
