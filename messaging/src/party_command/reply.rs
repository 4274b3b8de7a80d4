//! What the coordinator answers.

use serde::{Deserialize, Serialize};

use crate::bus::Payload;

/// The coordinator's answer to a [`PartyCommand`](super::PartyCommand).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PartyReply {
    /// It is in the log, now or from an earlier time it was sent.
    Accepted {
        /// The global position of the log after it.
        position: u64,
    },
    /// It is not.
    Refused {
        /// A stable name of the reason.
        code: String,
        /// The reason in words.
        detail: String,
        /// Whether the same command may be accepted later.
        retry: bool,
    },
}

impl PartyReply {
    /// Encodes it.
    #[must_use]
    pub fn to_payload(&self) -> Payload {
        serde_json::to_vec(self)
            .expect("a tree of strings and numbers")
            .into()
    }

    /// Decodes it.
    ///
    /// # Errors
    /// The error of the JSON parser.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}
