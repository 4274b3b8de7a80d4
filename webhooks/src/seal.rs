//! Secrets at rest: AES-256-GCM under the key of the configuration.
//!
//! Nonce (12 bytes, random), encrypted secret and tag; bound to the subscription.

use std::fmt;

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_domain::bytes::Hex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::secret::Secret;

const NONCE: usize = 12;
const CONTEXT: &[u8] = b"countersign-webhook-secret-v1\n";

/// A secret that nobody reads without the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

/// What secrets are sealed under: 32 bytes.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; 32]>);

/// The key is not one: it is 32 bytes as 64 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not 64 hex digits: make one with `openssl rand -hex 32`, the same for all replicas")]
pub struct NoSealKey;

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key is another than it was sealed under.
    #[error(
        "the secret does not open under `webhooks.secret_key`: configure the key that it was \
         made under, or rotate the secret"
    )]
    OtherKey,
    /// The system's random source failed.
    #[error("the system has no entropy")]
    Entropy(#[from] getrandom::Error),
}

impl SealKey {
    /// Reads 64 hex digits.
    ///
    /// # Errors
    ///
    /// When they are not.
    pub fn from_text(text: &str) -> Result<Self, NoSealKey> {
        let parsed: Result<Hex<32>, _> = text.trim().parse();
        parsed
            .map(|bytes| Self(Zeroizing::new(bytes.0)))
            .map_err(|_| NoSealKey)
    }

    /// Seals the secret of a subscription.
    ///
    /// # Errors
    ///
    /// When the system has no entropy.
    pub fn seal(&self, subscription: Uuid, secret: &Secret) -> Result<Sealed, SealError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)?;
        let payload = Payload {
            msg: &secret.0,
            aad: &associated(subscription),
        };
        let encrypted = self.cipher().encrypt(&nonce.into(), payload);
        let encrypted = encrypted.expect("a secret of 32 bytes is not too long");
        Ok(Sealed([&nonce[..], &encrypted].concat()))
    }

    /// Opens the secret of a subscription.
    ///
    /// # Errors
    ///
    /// When it was sealed under another key, or for another subscription.
    pub fn open(&self, subscription: Uuid, sealed: &Sealed) -> Result<Secret, SealError> {
        let (nonce, encrypted) = sealed
            .0
            .split_first_chunk::<NONCE>()
            .ok_or(SealError::OtherKey)?;
        let payload = Payload {
            msg: encrypted,
            aad: &associated(subscription),
        };
        let opened = self.cipher().decrypt(&(*nonce).into(), payload);
        let opened = opened.map_err(|_| SealError::OtherKey)?;
        Ok(Secret(Zeroizing::new(opened)))
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.0).into())
    }
}

fn associated(subscription: Uuid) -> Vec<u8> {
    [CONTEXT, subscription.as_bytes()].concat()
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(…)")
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}
