//! Child keys, against BIP32 written out and against its published vectors.

use countersign_parties::engine::dkls23::derive_public_key;
use countersign_parties::engine::{EngineError, Outcome};
use hmac::{Hmac, KeyInit, Mac};
use k256::elliptic_curve::PrimeField;
use k256::elliptic_curve::sec1::ToSec1Point;
use k256::{ProjectivePoint, PublicKey, Scalar};
use sha2::Sha512;

use crate::faulty_network::assert_verifies;
use crate::keys::{TWO_OF_THREE, TWO_OF_TWO};
use crate::network::{Faults, run, signing};

/// `CKDpub` of BIP32, one level after the other.
fn child(public_key: [u8; 33], chain_code: [u8; 32], path: &[u32]) -> ([u8; 33], [u8; 32]) {
    path.iter()
        .fold((public_key, chain_code), |(key, code), i| {
            let mut mac = Hmac::<Sha512>::new_from_slice(&code).expect("any length");
            mac.update(&key);
            mac.update(&i.to_be_bytes());
            let output = mac.finalize().into_bytes();
            let left: [u8; 32] = output[..32].try_into().expect("half");
            let right: [u8; 32] = output[32..].try_into().expect("half");
            let tweak = Scalar::from_repr(left.into()).expect("below the order");
            let parent = PublicKey::from_sec1_bytes(&key)
                .expect("a key")
                .to_projective();
            let point = ProjectivePoint::GENERATOR * tweak + parent;
            let bytes = point.to_affine().to_sec1_point(true);
            (bytes.as_bytes().try_into().expect("33 bytes"), right)
        })
}

fn bytes<const N: usize>(digits: &str) -> [u8; N] {
    std::array::from_fn(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).expect("hex"))
}

#[test]
fn the_published_vector_is_met() {
    // BIP32, test vector 2: chain m to chain m/0.
    let master = bytes("03cbcaa9c98c877a26977d00825c956a238e8dddfbd322cce4f74b0b5bd6ace4a7");
    let code = bytes("60499f801b896d83179a4374aeb7822aaeaceaa0db1f85ee3e904c4defbd9689");
    let expected = bytes("02fc9e5af0ac8d9b3cecfe2a888e2117ba3d089d8585886c9c826b6b22a98d12ea");
    let expected_code = bytes("f0909affaa7ee7abe5dd4e100598d4dc53cd709d5a5c2cac40e7412f232f7c9c");
    assert_eq!(derive_public_key(&master, &code, &[0]).unwrap(), expected);
    assert_eq!(child(master, code, &[0]), (expected, expected_code));
}

#[test]
fn children_sign_under_the_derived_key() {
    let paths: [&[u32]; 4] = [
        &[0],
        &[44, 60, 0],
        &[0x7fff_ffff, 1, 2, 3, 4],
        &[44, 60, 0, 0, 7],
    ];
    for key in [&*TWO_OF_TWO, &*TWO_OF_THREE] {
        for (path, digest) in paths.into_iter().zip(1..) {
            let digest = [digest; 32];
            let signers: &[u8] = if key.parties == 3 { &[1, 3] } else { &[1, 2] };
            let exchanges = signing(&key.shares, signers, path, digest, [9; 32]);
            let (expected, _) = child(key.public_key, key.chain_code, path);
            let derived = derive_public_key(&key.public_key, &key.chain_code, path).unwrap();
            assert_eq!(derived, expected);
            for ending in run(exchanges, Faults::NONE, |_, _, _| {}).into_values() {
                let Ok(Outcome::Signature(signature)) = ending else {
                    panic!("no signature: {ending:?}");
                };
                assert_eq!(signature.public_key, expected);
                assert_verifies(&signature, &digest);
            }
        }
    }
}

#[test]
fn signers_of_different_children_do_not_sign() {
    let key = &*TWO_OF_TWO;
    let mut exchanges = signing(&key.shares, &[1, 2], &[1], [1; 32], [9; 32]);
    exchanges.extend(signing(&key.shares, &[1, 2], &[2], [1; 32], [9; 32]).split_off(&2));
    for (party, ending) in run(exchanges, Faults::NONE, |_, _, _| {}) {
        let abort = ending.unwrap_err();
        assert_eq!(abort.culprits, [3 - party]);
        assert_eq!(abort.kind, countersign_parties::engine::AbortKind::Retry);
    }
}

#[test]
fn paths_that_cannot_be_derived_are_refused() {
    let key = &*TWO_OF_TWO;
    let derive = |path: &[u32]| derive_public_key(&key.public_key, &key.chain_code, path);
    assert!(matches!(derive(&[0x8000_0000]), Err(EngineError::Path(_))));
    assert!(matches!(derive(&[1; 256]), Err(EngineError::Path(_))));
    assert_eq!(derive(&[]).unwrap(), key.public_key);
    assert!(derive(&[1; 255]).is_ok());
    for bad in [[0; 33], [0xff; 33]] {
        let result = derive_public_key(&bad, &key.chain_code, &[0]);
        assert!(matches!(result, Err(EngineError::PublicKey)));
    }
}
