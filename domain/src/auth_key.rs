//! An account's auth key: the public half that the log keeps as a JWK (RFC 7517)
//! and the signing half that only its owner has.

use std::borrow::Cow;
use std::fmt;

use ed25519_dalek::Signer as _;
use jwt_compact::jwk::JsonWebKey;
use k256::ecdsa::signature::Verifier as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::bytes::{Digest, Hex};

/// The JWK thumbprint of an auth key (RFC 7638, SHA-256), base64url.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Thumbprint(String);

impl Thumbprint {
    /// The 43 base64url characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The public auth key: Ed25519 (`EdDSA`, RFC 8037) or secp256k1 (`ES256K`, RFC 8812).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthKey {
    /// `{"kty":"OKP","crv":"Ed25519"}`.
    Ed25519(ed25519_dalek::VerifyingKey),
    /// `{"kty":"EC","crv":"secp256k1"}`.
    Secp256k1(k256::ecdsa::VerifyingKey),
}

/// Why a JWK is no auth key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthKeyError {
    /// Not a JWK that can be read.
    #[error("auth key must be a JWK of kty OKP (crv Ed25519) or EC (crv secp256k1)")]
    Kind,
    /// The coordinates are no point of the curve, or a weak one.
    #[error("auth key is no valid point of its curve")]
    Point,
    /// A private key where a public one belongs.
    #[error("auth key holds the private part `d`: send the public JWK only")]
    Private,
    /// A public key where the private one is needed.
    #[error("this JWK has no private part `d`: signing needs the auth key file itself")]
    NoPrivatePart,
    /// Private and public part do not belong together.
    #[error("the private and the public part of this JWK do not belong together")]
    Mismatch,
}

impl AuthKey {
    /// The key as JWK.
    #[must_use]
    pub fn to_jwk(&self) -> JsonWebKey<'static> {
        match self {
            Self::Ed25519(key) => JsonWebKey::KeyPair {
                curve: Cow::Borrowed("Ed25519"),
                x: Cow::Owned(key.to_bytes().to_vec()),
                secret: None,
            },
            Self::Secp256k1(key) => {
                let point = key.to_sec1_point(false);
                let bytes = point.as_bytes();
                JsonWebKey::EllipticCurve {
                    curve: Cow::Borrowed("secp256k1"),
                    x: Cow::Owned(bytes[1..33].to_vec()),
                    y: Cow::Owned(bytes[33..65].to_vec()),
                    secret: None,
                }
            }
        }
    }

    /// Reads a public JWK.
    ///
    /// # Errors
    /// [`AuthKeyError`] for another kind of key, a bad or weak point, or a private key.
    pub fn from_jwk(jwk: &JsonWebKey<'_>) -> Result<Self, AuthKeyError> {
        if jwk.is_signing_key() {
            return Err(AuthKeyError::Private);
        }
        Self::public_part(jwk)
    }

    fn public_part(jwk: &JsonWebKey<'_>) -> Result<Self, AuthKeyError> {
        match jwk {
            JsonWebKey::KeyPair { curve, x, .. } if curve == "Ed25519" => {
                let bytes: [u8; 32] = x.as_ref().try_into().map_err(|_| AuthKeyError::Point)?;
                let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes)
                    .map_err(|_| AuthKeyError::Point)?;
                if key.is_weak() {
                    return Err(AuthKeyError::Point);
                }
                Ok(Self::Ed25519(key))
            }
            JsonWebKey::EllipticCurve { curve, x, y, .. } if curve == "secp256k1" => {
                if x.len() != 32 || y.len() != 32 {
                    return Err(AuthKeyError::Point);
                }
                let sec1: Vec<u8> = [&[4][..], x, y].concat();
                k256::ecdsa::VerifyingKey::from_sec1_bytes(&sec1)
                    .map(Self::Secp256k1)
                    .map_err(|_| AuthKeyError::Point)
            }
            _ => Err(AuthKeyError::Kind),
        }
    }

    /// The thumbprint (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        // RFC 7638, section 3.2: the required members in lexical order.
        let canonical = match self.to_jwk() {
            JsonWebKey::KeyPair { x, .. } => format!(
                r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
                URL_SAFE_NO_PAD.encode(x)
            ),
            JsonWebKey::EllipticCurve { x, y, .. } => format!(
                r#"{{"crv":"secp256k1","kty":"EC","x":"{}","y":"{}"}}"#,
                URL_SAFE_NO_PAD.encode(x),
                URL_SAFE_NO_PAD.encode(y)
            ),
            _ => unreachable!("to_jwk makes these two kinds"),
        };
        Thumbprint(URL_SAFE_NO_PAD.encode(Sha256::digest(canonical)))
    }

    /// The JWS algorithm of this key.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::Secp256k1(_) => "ES256K",
        }
    }

    /// Verifies a 64-byte signature over `message`.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        match self {
            Self::Ed25519(key) => key
                .verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature))
                .is_ok(),
            // `k256` verifies low `s` only, but RFC 8812 allows both and stock JOSE
            // libraries make both. Nothing is named by a token's bytes, so that
            // a signature has two forms does no harm.
            Self::Secp256k1(key) => k256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|parsed| key.verify(message, &parsed.normalize_s()).is_ok()),
        }
    }
}

impl Serialize for AuthKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_jwk().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AuthKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let jwk = JsonWebKey::deserialize(deserializer)
            .map_err(|_| serde::de::Error::custom(AuthKeyError::Kind))?;
        Self::from_jwk(&jwk).map_err(serde::de::Error::custom)
    }
}

/// The signing half of an auth key. Only clients hold one.
pub enum AuthSigner {
    /// Signs `EdDSA`.
    Ed25519(ed25519_dalek::SigningKey),
    /// Signs `ES256K`.
    Secp256k1(k256::ecdsa::SigningKey),
}

impl fmt::Debug for AuthSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuthSigner").field(&self.public()).finish()
    }
}

impl AuthSigner {
    /// An Ed25519 key from 32 bytes of entropy.
    #[must_use]
    pub fn ed25519(entropy: &Zeroizing<[u8; 32]>) -> Self {
        Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(entropy))
    }

    /// A secp256k1 key from 32 bytes of entropy.
    ///
    /// # Errors
    /// [`AuthKeyError::Point`] in the rare case that the bytes are no scalar.
    pub fn secp256k1(entropy: &Zeroizing<[u8; 32]>) -> Result<Self, AuthKeyError> {
        k256::ecdsa::SigningKey::from_slice(entropy.as_ref())
            .map(Self::Secp256k1)
            .map_err(|_| AuthKeyError::Point)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> AuthKey {
        match self {
            Self::Ed25519(key) => AuthKey::Ed25519(key.verifying_key()),
            Self::Secp256k1(key) => AuthKey::Secp256k1(*key.verifying_key()),
        }
    }

    /// Reads a private JWK.
    ///
    /// # Errors
    /// [`AuthKeyError`] for another kind of key, a public one, or halves that
    /// do not belong together.
    pub fn from_jwk(jwk: &JsonWebKey<'_>) -> Result<Self, AuthKeyError> {
        let public = AuthKey::public_part(jwk)?;
        let secret = match jwk {
            JsonWebKey::KeyPair { secret, .. } | JsonWebKey::EllipticCurve { secret, .. } => {
                secret.as_ref().ok_or(AuthKeyError::NoPrivatePart)?
            }
            _ => return Err(AuthKeyError::Kind),
        };
        let bytes: [u8; 32] = (**secret).try_into().map_err(|_| AuthKeyError::Point)?;
        let bytes = Zeroizing::new(bytes);
        let signer = match public {
            AuthKey::Ed25519(_) => Self::ed25519(&bytes),
            AuthKey::Secp256k1(_) => Self::secp256k1(&bytes)?,
        };
        if signer.public() == public {
            Ok(signer)
        } else {
            Err(AuthKeyError::Mismatch)
        }
    }

    /// The private JWK as JSON text, for the owner's key file.
    #[must_use]
    pub fn to_private_jwk(&self) -> Zeroizing<String> {
        let mut jwk = serde_json::to_value(self.public().to_jwk()).unwrap_or_default();
        let secret = Zeroizing::new(match self {
            Self::Ed25519(key) => URL_SAFE_NO_PAD.encode(key.to_bytes()),
            Self::Secp256k1(key) => URL_SAFE_NO_PAD.encode(key.to_bytes()),
        });
        jwk["d"] = serde_json::Value::String(secret.to_string());
        Zeroizing::new(format!("{jwk:#}\n"))
    }

    /// A name for a text: always the same, and by its looks nobody can tell the text or
    /// try one out. Signatures of both kinds of keys are deterministic (RFC 8032, RFC
    /// 6979), and the name is the SHA-256 of one.
    #[must_use]
    pub fn name_of(&self, text: &str) -> Digest {
        let message = format!("countersign-name-v1\n{text}");
        Hex(Sha256::digest(self.sign(message.as_bytes())).into())
    }

    /// Signs `message`; 64 bytes.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        match self {
            Self::Ed25519(key) => key.sign(message).to_bytes(),
            Self::Secp256k1(key) => {
                let signature: k256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().into()
            }
        }
    }
}
