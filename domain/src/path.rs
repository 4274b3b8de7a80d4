//! BIP32 derivation paths that a threshold key can follow.

use std::fmt;
use std::str::FromStr;

use bip32::{ChildNumber, ExtendedKeyAttrs, XPub};
use k256::ecdsa::VerifyingKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bytes::{Digest, PublicKey};

/// The deepest path accepted.
pub const MAX_DEPTH: usize = 16;

/// A path of non-hardened child numbers, `m/44/60/0/0/0`. Empty is the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct DerivationPath(Vec<u32>);

/// What is wrong with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Not of the form `m/1/2/3`.
    #[error("path must look like m/44/60/0/0/0")]
    Malformed,
    /// Hardened children need the private key, which nobody has.
    #[error("hardened steps need the whole private key, which no machine has: use m/44/60/0/0/0")]
    Hardened,
    /// More steps than [`MAX_DEPTH`].
    #[error("path has more than {MAX_DEPTH} steps")]
    TooDeep,
    /// The public key is no point, or the child does not exist (odds below 2⁻¹²⁷).
    #[error("no child key at this path")]
    NoChild,
}

impl DerivationPath {
    /// The child numbers, outermost first; each below 2³¹.
    #[must_use]
    pub fn steps(&self) -> &[u32] {
        &self.0
    }

    /// The child's public key (BIP32, public parent to public child).
    ///
    /// # Errors
    /// [`PathError::NoChild`] when the parent is no point or there is no child.
    pub fn derive(&self, parent: &PublicKey, chain_code: &Digest) -> Result<PublicKey, PathError> {
        if self.0.is_empty() {
            return Ok(*parent);
        }
        let key = VerifyingKey::from_sec1_bytes(&parent.0).map_err(|_| PathError::NoChild)?;
        let attrs = ExtendedKeyAttrs {
            depth: 0,
            parent_fingerprint: [0; 4],
            child_number: ChildNumber(0),
            chain_code: chain_code.0,
        };
        let mut node = XPub::new(key, attrs);
        for step in &self.0 {
            let child = ChildNumber::new(*step, false).map_err(|_| PathError::NoChild)?;
            node = node.derive_child(child).map_err(|_| PathError::NoChild)?;
        }
        Ok(PublicKey::from(node.to_bytes()))
    }
}

impl fmt::Display for DerivationPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("m")?;
        self.0.iter().try_for_each(|step| write!(f, "/{step}"))
    }
}

impl FromStr for DerivationPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut parts = text.split('/');
        if parts.next() != Some("m") {
            return Err(PathError::Malformed);
        }
        let steps = parts.map(step).collect::<Result<Vec<_>, _>>()?;
        if steps.len() > MAX_DEPTH {
            return Err(PathError::TooDeep);
        }
        Ok(Self(steps))
    }
}

fn step(text: &str) -> Result<u32, PathError> {
    if text.ends_with(['\'', 'h', 'H']) {
        return Err(PathError::Hardened);
    }
    // `u32::from_str` takes a leading `+` and zeros, which would give two
    // spellings to one path.
    let canonical =
        text == "0" || (!text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    let number: u32 = text.parse().map_err(|_| PathError::Malformed)?;
    match number {
        _ if !canonical => Err(PathError::Malformed),
        n if n >= 1 << 31 => Err(PathError::Hardened),
        n => Ok(n),
    }
}

impl Serialize for DerivationPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DerivationPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::parsed(deserializer, "a derivation path")
    }
}
