//! The opaque form in which shares leave and enter an engine.

use std::fmt;

use zeroize::Zeroizing;

/// A party's encoded share of a key.
///
/// The first byte is the version of the encoding, the rest is the engine's. It
/// is wiped when dropped, and `Debug` shows only its length.
#[derive(Clone)]
pub struct SecretShare(Zeroizing<Vec<u8>>);

impl SecretShare {
    /// Takes up what [`expose`](Self::expose) gave before, unchecked: the engine
    /// decodes and validates it when the share is used.
    #[must_use]
    pub fn from_encoded(encoded: Zeroizing<Vec<u8>>) -> Self {
        Self(encoded)
    }

    /// The encoded share, for sealing.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretShare({} bytes, redacted)", self.0.len())
    }
}
