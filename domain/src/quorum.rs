//! How many of how many.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// The most parties a key may have.
pub const MAX_PARTIES: u8 = 32;

/// `threshold` of `parties` must sign; "2-of-3" is `threshold: 2, parties: 3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Quorum {
    threshold: u8,
    parties: u8,
}

/// A quorum outside 2 ≤ threshold ≤ parties ≤ 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuorumError {
    /// Threshold below 2.
    #[error("threshold must be at least 2, got {0}")]
    ThresholdTooSmall(u8),
    /// Threshold above the number of parties.
    #[error("threshold {threshold} is above the number of parties, {parties}")]
    ThresholdAboveParties {
        /// How many must sign.
        threshold: u8,
        /// How many hold a share.
        parties: u8,
    },
    /// More parties than supported.
    #[error("parties must be at most {MAX_PARTIES}, got {0}")]
    TooManyParties(u8),
}

impl QuorumError {
    /// The field of a request that is wrong.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::ThresholdTooSmall(_) | Self::ThresholdAboveParties { .. } => "threshold",
            Self::TooManyParties(_) => "parties",
        }
    }
}

impl Quorum {
    /// A quorum of `threshold` of `parties`.
    ///
    /// # Errors
    /// [`QuorumError`] unless 2 ≤ threshold ≤ parties ≤ 32.
    pub fn new(threshold: u8, parties: u8) -> Result<Self, QuorumError> {
        if parties > MAX_PARTIES {
            Err(QuorumError::TooManyParties(parties))
        } else if threshold < 2 {
            Err(QuorumError::ThresholdTooSmall(threshold))
        } else if threshold > parties {
            Err(QuorumError::ThresholdAboveParties { threshold, parties })
        } else {
            Ok(Self { threshold, parties })
        }
    }

    /// How many must sign.
    #[must_use]
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// How many hold a share.
    #[must_use]
    pub fn parties(&self) -> u8 {
        self.parties
    }
}

impl fmt::Display for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-of-{}", self.threshold, self.parties)
    }
}

impl<'de> Deserialize<'de> for Quorum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw {
            threshold: u8,
            parties: u8,
        }
        let raw = Raw::deserialize(deserializer)?;
        Self::new(raw.threshold, raw.parties).map_err(serde::de::Error::custom)
    }
}
