//! Byte arrays that are public and travel as lower-case hex.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `N` public bytes; text and JSON form is lower-case hex without a prefix.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hex<const N: usize>(pub [u8; N]);

/// A 32-byte digest.
pub type Digest = Hex<32>;

/// A compressed SEC1 point on secp256k1.
pub type PublicKey = Hex<33>;

/// What is wrong with a hex string.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HexError {
    /// Not the right number of hex digits.
    #[error("expected {expected} bytes ({} hex digits), got {got} characters", expected * 2)]
    Length {
        /// Bytes expected.
        expected: usize,
        /// Characters given.
        got: usize,
    },
    /// A character that is no hex digit.
    #[error("not hexadecimal")]
    Digit,
}

impl<const N: usize> AsRef<[u8]> for Hex<N> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> From<[u8; N]> for Hex<N> {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes)
    }
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_digits(|digits| f.write_str(digits))
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> FromStr for Hex<N> {
    type Err = HexError;

    /// Takes hex digits of either case, with or without a leading `0x`.
    fn from_str(text: &str) -> Result<Self, HexError> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        if digits.len() != N * 2 {
            return Err(HexError::Length {
                expected: N,
                got: digits.len(),
            });
        }
        let mut bytes = [0; N];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| HexError::Digit)?;
        Ok(Self(bytes))
    }
}

/// Room for the hex digits of the longest arrays that there are.
const DIGITS: usize = 256;

impl<const N: usize> Hex<N> {
    /// Passes the hex digits, which need no allocation.
    fn with_digits<T>(&self, take: impl FnOnce(&str) -> T) -> T {
        let mut digits = [0; DIGITS];
        if let Some(digits) = digits.get_mut(..N * 2)
            && hex::encode_to_slice(self.0, digits).is_ok()
            && let Ok(digits) = std::str::from_utf8(digits)
        {
            return take(digits);
        }
        take(&hex::encode(self.0))
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_digits(|digits| serializer.serialize_str(digits))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::parsed(deserializer, "hex digits")
    }
}
