//! A signed envelope: bytes, who says so, and the signature.
//!
//! The signature covers a tag that names the purpose, the sender and the body,
//! so an envelope cannot be passed off as one of another purpose or sender.
//! Senders are looked up in the pinned roster.

use countersign_domain::bytes::Hex;
use countersign_domain::ids::PartyId;
use countersign_domain::roster::Roster;
use ed25519_dalek::{Signature, SignatureError, Signer as _, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::identity::IdentityKeys;
use crate::transcript::signing_input;

/// The largest envelope that is looked at, in bytes.
pub const MAX_ENVELOPE: usize = 256 * 1024;

/// The envelope as it travels, in postcard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// Who signed.
    pub from: PartyId,
    /// What was signed.
    pub body: Vec<u8>,
    /// Ed25519 over tag, sender and body.
    #[serde(with = "halves")]
    pub signature: [u8; 64],
}

/// Why an envelope was refused.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Longer than [`MAX_ENVELOPE`].
    #[error("an envelope of {0} bytes is too large")]
    TooLarge(usize),
    /// Not an envelope.
    #[error("malformed envelope")]
    Malformed(#[source] postcard::Error),
    /// Bytes follow the envelope.
    #[error("malformed envelope: {0} bytes too many")]
    Trailing(usize),
    /// The sender is not in the pinned roster.
    #[error("party `{0}` is not in the roster")]
    UnknownSender(PartyId),
    /// The signature is not the sender's over these bytes for this purpose.
    #[error("the signature is not that of party `{party}` over this")]
    Signature {
        /// Who is said to have signed.
        party: PartyId,
        /// What the verification says.
        #[source]
        source: SignatureError,
    },
}

/// Signs `body` for the purpose `domain_tag` and encodes the envelope.
#[must_use]
pub fn sign(
    domain_tag: &'static str,
    from: &PartyId,
    keys: &IdentityKeys,
    body: Vec<u8>,
) -> Vec<u8> {
    let input = signing_input(domain_tag, &[from.as_str().as_bytes(), &body]);
    let signed = Signed {
        from: from.clone(),
        body,
        signature: keys.sign.sign(&input).to_bytes(),
    };
    postcard::to_stdvec(&signed).expect("encoding into memory cannot fail")
}

/// Decodes and verifies an envelope: who said what.
///
/// # Errors
/// [`EnvelopeError`] unless a party of the roster signed exactly this for the
/// purpose `domain_tag`.
pub fn open(
    domain_tag: &'static str,
    bytes: &[u8],
    roster: &Roster,
) -> Result<(PartyId, Vec<u8>), EnvelopeError> {
    if bytes.len() > MAX_ENVELOPE {
        return Err(EnvelopeError::TooLarge(bytes.len()));
    }
    let (signed, rest): (Signed, _) =
        postcard::take_from_bytes(bytes).map_err(EnvelopeError::Malformed)?;
    if !rest.is_empty() {
        return Err(EnvelopeError::Trailing(rest.len()));
    }
    let Some(identity) = roster.get(&signed.from) else {
        return Err(EnvelopeError::UnknownSender(signed.from));
    };
    let input = signing_input(domain_tag, &[signed.from.as_str().as_bytes(), &signed.body]);
    match verify(&identity.sign_key, &input, &signed.signature) {
        Ok(()) => Ok((signed.from, signed.body)),
        Err(source) => Err(EnvelopeError::Signature {
            party: signed.from,
            source,
        }),
    }
}

/// Verifies strictly: no small-order keys, no malleable encodings.
pub(crate) fn verify(
    key: &Hex<32>,
    input: &[u8],
    signature: &[u8; 64],
) -> Result<(), SignatureError> {
    VerifyingKey::from_bytes(&key.0)?.verify_strict(input, &Signature::from_bytes(signature))
}

/// serde knows arrays up to 32.
mod halves {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &[u8; 64], to: S) -> Result<S::Ok, S::Error> {
        let mut halves = [[0u8; 32]; 2];
        halves[0].copy_from_slice(&value[..32]);
        halves[1].copy_from_slice(&value[32..]);
        halves.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 64], D::Error> {
        let halves = <[[u8; 32]; 2]>::deserialize(from)?;
        let mut value = [0; 64];
        value[..32].copy_from_slice(&halves[0]);
        value[32..].copy_from_slice(&halves[1]);
        Ok(value)
    }
}
