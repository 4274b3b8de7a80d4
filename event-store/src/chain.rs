//! Checks that events read from a log are all there and unchanged.

use std::collections::HashMap;

use crate::{Envelope, StreamId};

/// Follows a log from its first event and checks each one: positions and versions
/// without gaps, and each stream's chain of hashes.
#[derive(Clone, Debug, Default)]
pub struct ChainVerifier {
    position: u64,
    tails: HashMap<StreamId, Tail>,
}

/// End of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Version of the last event; 0 without one.
    pub(crate) version: u64,
    /// Its hash; zeros without one.
    pub(crate) hash: [u8; 32],
}

/// What is wrong with an event in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// It does not follow the event before it in the log.
    #[error("position {found} follows position {after}")]
    Position {
        /// Position of the event before.
        after: u64,
        /// Its position.
        found: u64,
    },
    /// It does not follow the event before it in its stream.
    #[error("version {found} of {stream} follows version {after}")]
    Version {
        /// The stream.
        stream: StreamId,
        /// Version of the event before.
        after: u64,
        /// Its version.
        found: u64,
    },
    /// It was appended after another event than the one before it in its stream.
    #[error("version {version} of {stream} does not carry the hash of the event before")]
    Hash {
        /// The stream.
        stream: StreamId,
        /// Its version.
        version: u64,
    },
}

impl ChainVerifier {
    /// Starts before the first event.
    pub fn new() -> Self {
        Self::default()
    }

    /// Position of the last event checked.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Checks the next event.
    ///
    /// # Errors
    ///
    /// When it does not follow what was checked before; it is then not counted.
    pub fn check(&mut self, envelope: &Envelope) -> Result<(), ChainError> {
        self.check_place(envelope)?;
        self.advance(envelope, envelope.hash());
        Ok(())
    }

    /// [`ChainVerifier::check`] for an event whose hash is at hand.
    ///
    /// # Errors
    ///
    /// When it does not follow what was checked before; it is then not counted.
    pub fn check_hashed<P>(
        &mut self,
        envelope: &Envelope<P>,
        hash: [u8; 32],
    ) -> Result<(), ChainError> {
        self.check_place(envelope)?;
        self.advance(envelope, hash);
        Ok(())
    }

    /// How many streams there are so far.
    pub fn streams(&self) -> usize {
        self.tails.len()
    }

    fn check_place<P>(&self, envelope: &Envelope<P>) -> Result<(), ChainError> {
        if envelope.position != self.position + 1 {
            return Err(ChainError::Position {
                after: self.position,
                found: envelope.position,
            });
        }
        let tail = self.tails.get(&envelope.stream).copied();
        let tail = tail.unwrap_or_default();
        if envelope.version != tail.version + 1 {
            return Err(ChainError::Version {
                stream: envelope.stream.clone(),
                after: tail.version,
                found: envelope.version,
            });
        }
        if envelope.previous_hash != tail.hash {
            return Err(ChainError::Hash {
                stream: envelope.stream.clone(),
                version: envelope.version,
            });
        }
        Ok(())
    }

    fn advance<P>(&mut self, envelope: &Envelope<P>, hash: [u8; 32]) {
        self.position = envelope.position;
        let tail = Tail {
            version: envelope.version,
            hash,
        };
        match self.tails.get_mut(&envelope.stream) {
            Some(known) => *known = tail,
            None => {
                self.tails.insert(envelope.stream.clone(), tail);
            }
        }
    }
}
