//! The key that wraps every data key of a vault.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A vault's master key: 32 uniformly random bytes, wiped when dropped and never
/// printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

/// Why a text is no master key. It never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// Nothing there.
    #[error("the master key is empty: make one with `openssl rand -hex 32`")]
    Empty,
    /// Neither hex nor base64.
    #[error(
        "the master key is neither hex nor base64: give 32 bytes as 64 hex digits or as \
         base64, for example from `openssl rand -hex 32`"
    )]
    Encoding,
    /// The wrong number of bytes.
    #[error(
        "the master key has {got} bytes where 32 are needed: give 64 hex digits or base64 \
         of 32 bytes, for example from `openssl rand -hex 32`"
    )]
    Length {
        /// How many bytes the text decodes to.
        got: usize,
    },
}

impl MasterKey {
    /// The master key that `entropy` (from the system's random source) makes.
    #[must_use]
    pub fn generate(entropy: [u8; 32]) -> Self {
        Self(entropy)
    }

    /// Reads a master key: 64 hex digits, or 32 bytes in base64 of either alphabet,
    /// padded or not (RFC 4648). White space around it is ignored, so that a file
    /// may end in a line break.
    ///
    /// # Errors
    /// [`MasterKeyError`] says what is wrong with it and how to make one.
    pub fn from_text(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(MasterKeyError::Empty);
        }
        // A text of 64 characters, or of hex digits alone, is meant as hex, so that
        // a digit that is wrong or missing is told as such. Base64 of 32 bytes is
        // shorter, and of a random key has other characters but once in 2^66.
        let is_hex = text.len() == 64 || text.bytes().all(|b| b.is_ascii_hexdigit());
        let bytes = if is_hex {
            if text.len() % 2 == 1 {
                return Err(MasterKeyError::Length {
                    got: text.len() / 2,
                });
            }
            Zeroizing::new(hex::decode(text).map_err(|_| MasterKeyError::Encoding)?)
        } else {
            let digits = text.trim_end_matches('=');
            let decoded = STANDARD_NO_PAD
                .decode(digits)
                .or_else(|_| URL_SAFE_NO_PAD.decode(digits));
            Zeroizing::new(decoded.map_err(|_| MasterKeyError::Encoding)?)
        };
        let key = <[u8; 32]>::try_from(bytes.as_slice())
            .map_err(|_| MasterKeyError::Length { got: bytes.len() })?;
        Ok(Self(key))
    }

    /// The key as 64 hex digits, for a key file.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(redacted)")
    }
}
