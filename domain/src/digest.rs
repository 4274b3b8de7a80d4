//! How a message becomes the 32 bytes that are signed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sha3::Keccak256;

use crate::bytes::{Digest, Hex};

/// A hash scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashScheme {
    /// Keccak-256 of the message (Ethereum transactions).
    Keccak256,
    /// SHA-256 of the message (FIPS 180-4).
    Sha256,
    /// SHA-256 twice (Bitcoin).
    Sha256d,
    /// Keccak-256 over the Ethereum signed message prefix, the length in
    /// decimal and the message (ERC-191, version 0x45).
    Eip191,
}

/// A scheme that does not exist here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown hash scheme `{0}`: use keccak256, sha256, sha256d or eip191")]
pub struct UnknownScheme(String);

impl HashScheme {
    /// The digest of `message`.
    #[must_use]
    pub fn digest(self, message: &[u8]) -> Digest {
        Hex(match self {
            Self::Keccak256 => Keccak256::digest(message).into(),
            Self::Sha256 => Sha256::digest(message).into(),
            Self::Sha256d => Sha256::digest(Sha256::digest(message)).into(),
            Self::Eip191 => {
                let prefix = format!("\x19Ethereum Signed Message:\n{}", message.len());
                Keccak256::new_with_prefix(prefix.as_bytes())
                    .chain_update(message)
                    .finalize()
                    .into()
            }
        })
    }
}

impl fmt::Display for HashScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keccak256 => "keccak256",
            Self::Sha256 => "sha256",
            Self::Sha256d => "sha256d",
            Self::Eip191 => "eip191",
        })
    }
}

impl FromStr for HashScheme {
    type Err = UnknownScheme;

    fn from_str(text: &str) -> Result<Self, UnknownScheme> {
        match text {
            "keccak256" => Ok(Self::Keccak256),
            "sha256" => Ok(Self::Sha256),
            "sha256d" => Ok(Self::Sha256d),
            "eip191" => Ok(Self::Eip191),
            other => Err(UnknownScheme(other.chars().take(40).collect())),
        }
    }
}
