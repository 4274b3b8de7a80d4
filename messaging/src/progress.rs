//! Live progress of ceremonies, for people who watch. It is not in the log, may
//! be lost, and decides nothing; it is signed all the same, so that a console
//! shows no outsider's inventions.

use std::fmt;

use countersign_domain::Timestamp;
use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::roster::Roster;
use serde::{Deserialize, Serialize};

use crate::envelope::{self, EnvelopeError};
use crate::identity::IdentityKeys;

mod board;

pub use board::{CAPACITY, PartyProgress, ProgressBoard, STEPS};

const TAG: &str = "countersign-progress-v1";

/// Where a party is in an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The session.
    pub session: SessionId,
    /// The attempt.
    pub attempt: u32,
    /// The party.
    pub party: PartyId,
    /// How far it is.
    pub phase: Phase,
    /// Since when, by its clock.
    pub at: Timestamp,
}

/// How far a party is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It has joined.
    Joined,
    /// It waits for the others in this round.
    Round(u8),
    /// It seals its share on disk.
    Sealing,
    /// It compares the result with the others'.
    Confirming,
    /// It has finished its part.
    Done,
}

/// Why a progress message was dropped.
#[derive(Debug, thiserror::Error)]
pub enum ProgressError {
    /// Not signed by a party of the roster.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Signed, and not progress.
    #[error("malformed progress")]
    Malformed(#[source] serde_json::Error),
    /// One party speaks for another.
    #[error("party `{signer}` signed progress of party `{party}`")]
    Party {
        /// Whose progress it is said to be.
        party: PartyId,
        /// Who signed it.
        signer: PartyId,
    },
    /// The party has said something later already.
    #[error("party `{0}` is further than that")]
    Old(PartyId),
}

impl Progress {
    /// Signs and encodes it.
    #[must_use]
    pub fn sign(&self, keys: &IdentityKeys) -> Vec<u8> {
        let body = serde_json::to_vec(self).expect("a tree of strings and numbers");
        envelope::sign(TAG, &self.party, keys, body)
    }

    /// Verifies and decodes it.
    ///
    /// # Errors
    /// [`ProgressError`] unless the party of the roster that it names signed it.
    pub fn open(bytes: &[u8], roster: &Roster) -> Result<Self, ProgressError> {
        let (signer, body) = envelope::open(TAG, bytes, roster)?;
        let progress: Self = serde_json::from_slice(&body).map_err(ProgressError::Malformed)?;
        if progress.party == signer {
            Ok(progress)
        } else {
            Err(ProgressError::Party {
                party: progress.party,
                signer,
            })
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined => f.write_str("joined"),
            Self::Round(round) => write!(f, "round {round}"),
            Self::Sealing => f.write_str("sealing"),
            Self::Confirming => f.write_str("confirming"),
            Self::Done => f.write_str("done"),
        }
    }
}
