//! ECDSA signatures over secp256k1, as the product hands them out.

use k256::ecdsa::signature::hazmat::PrehashVerifier;
use k256::ecdsa::{RecoveryId, Signature as EcdsaSignature, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha3::{Digest as _, Keccak256};

use crate::bytes::{Digest, Hex, PublicKey};

/// A signature with low `s` (BIP 62, EIP-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The x coordinate of the nonce point modulo the group order, big-endian.
    pub r: Hex<32>,
    /// The proof scalar, at most half the group order, big-endian.
    pub s: Hex<32>,
    /// The recovery id, 0 or 1: the parity of the nonce point's y.
    pub v: u8,
}

/// Why a signature is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// r or s is zero or not below the group order.
    #[error("r or s is out of range")]
    Range,
    /// s is above half the group order.
    #[error("s is not normalised to its low form")]
    HighS,
    /// The public key is no point on the curve.
    #[error("the public key is no point on secp256k1")]
    PublicKey,
    /// It does not verify.
    #[error("the signature does not verify under the public key")]
    Invalid,
    /// The recovery id leads to another key.
    #[error("the recovery id does not lead to the public key")]
    RecoveryId,
}

impl Signature {
    /// Verifies against a digest and a compressed public key, the recovery id
    /// included.
    ///
    /// # Errors
    /// [`SignatureError`] says which part is wrong.
    pub fn verify(&self, digest: &Digest, public_key: &PublicKey) -> Result<(), SignatureError> {
        let signature = self.ecdsa()?;
        if signature.normalize_s() != signature {
            return Err(SignatureError::HighS);
        }
        let key =
            VerifyingKey::from_sec1_bytes(&public_key.0).map_err(|_| SignatureError::PublicKey)?;
        // The key recovered from r, s and the nonce point that v picks is the one
        // key under which they verify with that point (SEC 1, 4.1.6): if it is this
        // one, the signature is valid, and no second computation is needed.
        let id = RecoveryId::from_byte(self.v).filter(|_| self.v <= 1);
        let recovered = id.map(|id| VerifyingKey::recover_from_prehash(&digest.0, &signature, id));
        match recovered {
            Some(Ok(recovered)) if recovered == key => Ok(()),
            _ if key.verify_prehash(&digest.0, &signature).is_ok() => {
                Err(SignatureError::RecoveryId)
            }
            _ => Err(SignatureError::Invalid),
        }
    }

    /// r ‖ s, 64 bytes.
    #[must_use]
    pub fn compact(&self) -> Hex<64> {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.r.0);
        bytes[32..].copy_from_slice(&self.s.0);
        Hex(bytes)
    }

    /// The ASN.1 DER form (SEC 1, C.5).
    ///
    /// # Errors
    /// [`SignatureError::Range`] when r or s is out of range.
    pub fn der(&self) -> Result<Vec<u8>, SignatureError> {
        Ok(self.ecdsa()?.to_der().as_bytes().to_vec())
    }

    fn ecdsa(&self) -> Result<EcdsaSignature, SignatureError> {
        EcdsaSignature::from_scalars(self.r.0, self.s.0).map_err(|_| SignatureError::Range)
    }
}

/// The Ethereum address of a public key, with the checksum of EIP-55.
///
/// # Errors
/// [`SignatureError::PublicKey`] when the key is no point on the curve.
pub fn ethereum_address(public_key: &PublicKey) -> Result<String, SignatureError> {
    let key =
        VerifyingKey::from_sec1_bytes(&public_key.0).map_err(|_| SignatureError::PublicKey)?;
    let point = key.to_sec1_point(false);
    let hash = Keccak256::digest(&point.as_bytes()[1..]);
    let address = hex::encode(&hash[12..]);
    let checksum = hex::encode(Keccak256::digest(address.as_bytes()));
    let cased = address.chars().zip(checksum.chars()).map(|(c, check)| {
        if check >= '8' {
            c.to_ascii_uppercase()
        } else {
            c
        }
    });
    Ok("0x".chars().chain(cased).collect())
}
