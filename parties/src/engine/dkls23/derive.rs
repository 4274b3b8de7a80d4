//! BIP32 children, non-hardened: of shares and of public keys.
//!
//! A hardened child needs the whole private key, which no party has.

use std::fmt::Write as _;

use dkls23_secp256k1::Party;
use dkls23_secp256k1::protocols::derivation::{DerivData, MAX_CHILD_NUMBER, MAX_DEPTH};
use k256::elliptic_curve::sec1::ToSec1Point;
use k256::{AffinePoint, PublicKey, Scalar};

use crate::engine::EngineError;

/// Derives the child's share; the parent is wiped.
///
/// # Errors
///
/// [`EngineError::Path`].
pub(super) fn derive_share(master: Party, path: &[u32]) -> Result<Party, EngineError> {
    check(path)?;
    if path.is_empty() {
        return Ok(master);
    }
    let mut text = String::from("m");
    for index in path {
        // Writing to a string cannot fail.
        let _ = write!(text, "/{index}");
    }
    master
        .derive_from_path(&text, |_| String::new())
        .map_err(|_| no_such_child())
}

/// Derives the child of a public key, as in BIP32's `CKDpub`.
///
/// `public_key` is compressed SEC1; `path` counts from that key, and an empty
/// one gives the key back.
///
/// # Errors
///
/// [`EngineError::PublicKey`] when it is no valid point, [`EngineError::Path`]
/// for a hardened index, more than 255 levels, or the one index in 2^127 that
/// BIP32 itself rules out.
pub fn derive_public_key(
    public_key: &[u8; 33],
    chain_code: &[u8; 32],
    path: &[u32],
) -> Result<[u8; 33], EngineError> {
    check(path)?;
    let point = PublicKey::from_sec1_bytes(public_key).map_err(|_| EngineError::PublicKey)?;
    // The package type of the library derives public keys too, but keeps the
    // child's chain code to itself, so a path of two levels is out of its reach.
    // With a share of zero, this type does it all on public data.
    let mut data = DerivData::<k256::Secp256k1> {
        depth: 0,
        child_number: 0,
        parent_fingerprint: [0; 4],
        poly_point: Scalar::ZERO,
        pk: *point.as_affine(),
        chain_code: *chain_code,
    };
    for &index in path {
        data = data.derive_child(index).map_err(|_| no_such_child())?;
    }
    compress(&data.pk).ok_or(EngineError::PublicKey)
}

/// Compressed SEC1 form; `None` for the point at infinity, which has none of 33
/// bytes.
pub(super) fn compress(point: &AffinePoint) -> Option<[u8; 33]> {
    point.to_sec1_point(true).as_bytes().try_into().ok()
}

fn check(path: &[u32]) -> Result<(), EngineError> {
    if path.len() > usize::from(MAX_DEPTH) {
        return Err(EngineError::Path("more than 255 levels"));
    }
    if path.iter().any(|&index| index > MAX_CHILD_NUMBER) {
        return Err(EngineError::Path(
            "hardened indices need the whole private key",
        ));
    }
    Ok(())
}

fn no_such_child() -> EngineError {
    EngineError::Path("BIP32 has no key at this index")
}
