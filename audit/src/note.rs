//! Keys of signed notes (C2SP signed-note) in the encodings that other tools use.
//!
//! `signed_note` parses and writes the notes; the signatures are those of the
//! product's own Ed25519.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// Type byte of an Ed25519 key that signs notes.
const ED25519: u8 = 0x01;

/// Type byte of an Ed25519 key that cosigns checkpoints (C2SP tlog-cosignature).
const COSIGNATURE: u8 = 0x04;

/// How a private key begins.
const PRIVATE: &str = "PRIVATE+KEY+";

/// Why a text is no key of a signed note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not `name+hash+base64`.
    #[error("a verifier key must look like name+0123abcd+base64")]
    Form,
    /// Not `PRIVATE+KEY+name+hash+base64`.
    #[error("a signing key must look like PRIVATE+KEY+name+0123abcd+base64")]
    PrivateForm,
    /// A private key where the public one belongs.
    #[error("this is a private key: give the verifier key, which does not begin with PRIVATE")]
    Private,
    /// The name is empty or holds white space or a plus sign.
    #[error("the name of a key is not empty and holds no white space and no `+`")]
    Name,
    /// The hash is that of another name or key.
    #[error("the hash of the key does not fit its name and bytes: it was copied wrong")]
    Hash,
    /// Another algorithm.
    #[error("a key of algorithm {0}: this program knows 1 (Ed25519) and 4 (cosignature/v1)")]
    Algorithm(u8),
    /// The bytes are no key of their algorithm.
    #[error("the bytes are no Ed25519 key")]
    Bytes,
}

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// Notes, a log's checkpoints among them.
    Note,
    /// Checkpoints of others, with the time (`cosignature/v1`).
    Cosignature,
}

/// The public key of a log or a witness: `name+hash+base64`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: u32,
    usage: KeyUse,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifierKey {
    fn new(name: &str, usage: KeyUse, key: ed25519_dalek::VerifyingKey) -> Self {
        let mut verifier = Self {
            name: name.to_owned(),
            id: 0,
            usage,
            key,
        };
        verifier.id = signed_note::key_id(name, &verifier.encoded());
        verifier
    }

    /// The name: of a log, its origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of the hash of name and key.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What it signs.
    pub fn usage(&self) -> KeyUse {
        self.usage
    }

    /// Type byte and key.
    fn encoded(&self) -> Vec<u8> {
        let kind = match self.usage {
            KeyUse::Note => ED25519,
            KeyUse::Cosignature => COSIGNATURE,
        };
        [&[kind], self.key.as_bytes().as_slice()].concat()
    }

    /// Verifies what a signature line of this key holds for a note's text: nothing
    /// more for a log, and the time in seconds since 1970 for a witness.
    pub fn verify(&self, text: &[u8], signature: &[u8]) -> Option<Option<u64>> {
        match self.usage {
            KeyUse::Note => self.verify_bytes(text, signature).then_some(None),
            KeyUse::Cosignature => {
                let (time, signature) = signature.split_at_checked(8)?;
                let time = u64::from_be_bytes(time.try_into().ok()?);
                let message = cosigned(time, text);
                self.verify_bytes(&message, signature).then_some(Some(time))
            }
        }
    }

    fn verify_bytes(&self, message: &[u8], signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
    }
}

/// What a witness signs (C2SP tlog-cosignature).
fn cosigned(time: u64, text: &[u8]) -> Vec<u8> {
    let head = format!("cosignature/v1\ntime {time}\n");
    [head.as_bytes(), text].concat()
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = STANDARD.encode(self.encoded());
        write!(f, "{}+{:08x}+{encoded}", self.name, self.id)
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        if text.starts_with(PRIVATE) {
            return Err(KeyError::Private);
        }
        let (name, id, encoded) = parts(text).ok_or(KeyError::Form)?;
        if !signed_note::is_key_name_valid(name) {
            return Err(KeyError::Name);
        }
        let (kind, bytes) = encoded.split_first().ok_or(KeyError::Form)?;
        let usage = match *kind {
            ED25519 => KeyUse::Note,
            COSIGNATURE => KeyUse::Cosignature,
            other => return Err(KeyError::Algorithm(other)),
        };
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| KeyError::Bytes)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Bytes)?;
        if key.is_weak() {
            return Err(KeyError::Bytes);
        }
        let verifier = Self::new(name, usage, key);
        if verifier.id == id {
            Ok(verifier)
        } else {
            Err(KeyError::Hash)
        }
    }
}

impl Serialize for VerifierKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VerifierKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// `name+hash+base64`: name, hash and bytes.
fn parts(text: &str) -> Option<(&str, u32, Zeroizing<Vec<u8>>)> {
    let (name, rest) = text.split_once('+')?;
    let (hash, key) = rest.split_once('+')?;
    if hash.len() != 8 || hash.bytes().any(|b| !b.is_ascii_hexdigit()) {
        return None;
    }
    let id = u32::from_str_radix(hash, 16).ok()?;
    let bytes = STANDARD.decode(key).ok()?;
    Some((name, id, Zeroizing::new(bytes)))
}

/// The key that signs a log's checkpoints: `PRIVATE+KEY+name+hash+base64`.
#[derive(Clone)]
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    verifier: VerifierKey,
}

impl SigningKey {
    /// A key of this name from 32 bytes of entropy.
    ///
    /// # Errors
    ///
    /// [`KeyError::Name`].
    pub fn new(name: &str, entropy: &Zeroizing<[u8; 32]>) -> Result<Self, KeyError> {
        Self::of(name, KeyUse::Note, entropy)
    }

    /// A key of a witness.
    ///
    /// # Errors
    ///
    /// [`KeyError::Name`].
    pub fn witness(name: &str, entropy: &Zeroizing<[u8; 32]>) -> Result<Self, KeyError> {
        Self::of(name, KeyUse::Cosignature, entropy)
    }

    fn of(name: &str, usage: KeyUse, entropy: &Zeroizing<[u8; 32]>) -> Result<Self, KeyError> {
        if !signed_note::is_key_name_valid(name) {
            return Err(KeyError::Name);
        }
        let key = ed25519_dalek::SigningKey::from_bytes(entropy);
        let verifier = VerifierKey::new(name, usage, key.verifying_key());
        Ok(Self { key, verifier })
    }

    /// Reads a key as [`Self::to_text`] writes it.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let rest = text.strip_prefix(PRIVATE).ok_or(KeyError::PrivateForm)?;
        let (name, id, encoded) = parts(rest).ok_or(KeyError::PrivateForm)?;
        let (kind, bytes) = encoded.split_first().ok_or(KeyError::PrivateForm)?;
        let usage = match *kind {
            ED25519 => KeyUse::Note,
            COSIGNATURE => KeyUse::Cosignature,
            other => return Err(KeyError::Algorithm(other)),
        };
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| KeyError::Bytes)?;
        let key = Self::of(name, usage, &Zeroizing::new(bytes))?;
        if key.verifier.id == id {
            Ok(key)
        } else {
            Err(KeyError::Hash)
        }
    }

    /// The key as text, for the file of its owner.
    pub fn to_text(&self) -> Zeroizing<String> {
        let kind = self.verifier.encoded()[0];
        let secret = Zeroizing::new(self.key.to_bytes());
        let bytes = Zeroizing::new([&[kind], secret.as_slice()].concat());
        let encoded = Zeroizing::new(STANDARD.encode(&*bytes));
        let (name, id) = (self.verifier.name(), self.verifier.id);
        Zeroizing::new(format!("{PRIVATE}{name}+{id:08x}+{}", *encoded))
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The signature line of this key for a note's text; `time` in seconds since 1970
    /// is part of what a witness signs.
    pub(crate) fn sign(&self, text: &[u8], time: u64) -> signed_note::Signature {
        let bytes = match self.verifier.usage {
            KeyUse::Note => self.key.sign(text).to_bytes().to_vec(),
            KeyUse::Cosignature => {
                let signature = self.key.sign(&cosigned(time, text));
                [time.to_be_bytes().as_slice(), &signature.to_bytes()].concat()
            }
        };
        signed_note::Signature::new(self.verifier.name.clone(), self.verifier.id, bytes)
            .expect("the name was checked")
    }
}

impl fmt::Debug for SigningKey {
    /// The public half only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.verifier).finish()
    }
}
