//! Signing over a bad network, by random signers.

use countersign_parties::engine::{EngineSignature, Outcome, PartyIndex};
use k256::ecdsa::signature::hazmat::PrehashVerifier;
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use proptest::prelude::*;

use crate::keys::{FOUR_OF_SEVEN, Key, THREE_OF_FIVE, TWO_OF_THREE, TWO_OF_TWO};
use crate::network::{Dice, Faults, run, signing};

/// Verifies without the engine's help.
pub(crate) fn assert_verifies(signature: &EngineSignature, digest: &[u8; 32]) {
    let key = VerifyingKey::from_sec1_bytes(&signature.public_key).unwrap();
    let scalars = Signature::from_scalars(signature.r, signature.s).unwrap();
    key.verify_prehash(digest, &scalars).unwrap();
    assert_eq!(scalars.normalize_s(), scalars, "s is low");
    assert!(signature.v < 2);
    let recovery_id = RecoveryId::from_byte(signature.v).unwrap();
    let recovered = VerifyingKey::recover_from_prehash(digest, &scalars, recovery_id).unwrap();
    assert_eq!(recovered, key, "v leads back to the key");
}

fn signers(key: &Key, dice: &mut Dice) -> Vec<PartyIndex> {
    let mut left: Vec<PartyIndex> = (1..=key.parties).collect();
    while left.len() > usize::from(key.threshold) {
        left.remove(dice.below(left.len() as u64) as usize);
    }
    left
}

fn sign_once(key: &Key, faults: Faults, digest: [u8; 32]) {
    let signers = signers(key, &mut Dice(faults.seed));
    let exchanges = signing(&key.shares, &signers, &[], digest, [faults.seed as u8; 32]);
    let endings = run(exchanges, faults, |_, _, _| {});
    assert_eq!(endings.len(), signers.len(), "every signer ends");
    let mut signatures = endings.into_values().map(|ending| match ending {
        Ok(Outcome::Signature(signature)) => signature,
        other => panic!("no signature: {other:?}"),
    });
    let signature = signatures.next().unwrap();
    assert!(signatures.all(|other| other == signature));
    assert_eq!(signature.public_key, key.public_key);
    assert_verifies(&signature, &digest);
}

fn faults() -> impl Strategy<Value = Faults> {
    (any::<u64>(), 0..40_u64, 0..40_u64, 1..60_u64).prop_map(|(seed, loss, duplication, delay)| {
        Faults {
            seed,
            loss,
            duplication,
            delay,
        }
    })
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        max_shrink_iters: 50,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(96))]
    #[test]
    fn two_of_two_sign(faults in faults(), digest in any::<[u8; 32]>()) {
        sign_once(&TWO_OF_TWO, faults, digest);
    }

    #[test]
    fn two_of_three_sign(faults in faults(), digest in any::<[u8; 32]>()) {
        sign_once(&TWO_OF_THREE, faults, digest);
    }
}

proptest! {
    #![proptest_config(cases(48))]
    #[test]
    fn three_of_five_sign(faults in faults(), digest in any::<[u8; 32]>()) {
        sign_once(&THREE_OF_FIVE, faults, digest);
    }

    #[test]
    fn four_of_seven_sign(faults in faults(), digest in any::<[u8; 32]>()) {
        sign_once(&FOUR_OF_SEVEN, faults, digest);
    }
}

#[test]
fn extreme_digests_sign() {
    for digest in [[0; 32], [0xff; 32]] {
        sign_once(&TWO_OF_THREE, Faults::NONE, digest);
    }
}
