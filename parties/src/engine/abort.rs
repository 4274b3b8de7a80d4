//! How a ceremony ends without an outcome.

use super::PartyIndex;

/// What may follow an abort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbortKind {
    /// A new attempt is safe, best without the culprits.
    Retry,
    /// This party must never again be in a ceremony with that one: state that
    /// the pair would reuse is no longer secret. The engine does not remember
    /// it, the key's record must.
    Ban(PartyIndex),
    /// Trying again cannot help: this party's own input or state is wrong.
    Fatal,
}

/// The end of a ceremony that has no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("aborted in round {round}: {reason}")]
pub struct Abort {
    /// What may follow.
    pub kind: AbortKind,
    /// Ascending; whose messages were wrong, as far as this party can tell.
    pub culprits: Vec<PartyIndex>,
    /// The round in which it showed; 0 before the first.
    pub round: u8,
    /// For people. Never has secret material.
    pub reason: String,
}

impl Abort {
    /// An abort after which another attempt is safe, blaming `culprit`.
    pub(crate) fn blame(culprit: PartyIndex, round: u8, reason: impl Into<String>) -> Self {
        Self {
            kind: AbortKind::Retry,
            culprits: vec![culprit],
            round,
            reason: reason.into(),
        }
    }

    /// An abort after which another attempt is safe, with nobody to blame.
    pub(crate) fn unattributed(round: u8, reason: impl Into<String>) -> Self {
        Self {
            kind: AbortKind::Retry,
            culprits: Vec::new(),
            round,
            reason: reason.into(),
        }
    }

    /// An abort that this party's own input, state or caller is the cause of.
    pub(crate) fn fatal(round: u8, reason: impl Into<String>) -> Self {
        Self {
            kind: AbortKind::Fatal,
            culprits: Vec::new(),
            round,
            reason: reason.into(),
        }
    }
}
