//! Shares as they are stored: old ones are read, damaged ones are refused.

use std::collections::BTreeMap;

use countersign_parties::engine::{
    Dkls23, Engine, EngineError, Outcome, PartyIndex, SecretShare, SignInput,
};
use dkls23_secp256k1::Party;
use proptest::prelude::*;

use crate::faulty_network::assert_verifies;
use crate::keys::TWO_OF_THREE;
use crate::network::{Faults, run, signing};

const GOLDEN: [&[u8]; 2] = [
    include_bytes!("golden/share_v1_party_1.bin"),
    include_bytes!("golden/share_v1_party_2.bin"),
];

const GOLDEN_KEY: [u8; 33] = [
    0x03, 0x61, 0x1d, 0x2c, 0xf4, 0xee, 0x08, 0xbf, 0xdb, 0x44, 0x1b, 0xa2, 0x8e, 0x0f, 0x48, 0xfc,
    0x87, 0x6a, 0x3f, 0x0a, 0xdf, 0xae, 0xd3, 0xdb, 0xfc, 0x86, 0xd3, 0xab, 0x9b, 0xda, 0xbd, 0x4a,
    0xd8,
];

fn share(encoded: impl Into<Vec<u8>>) -> SecretShare {
    SecretShare::from_encoded(encoded.into().into())
}

/// Prepares a signing by parties 1 and 2 with this share.
fn open(share: &SecretShare) -> Result<(), EngineError> {
    let input = SignInput {
        share,
        signers: &[1, 2],
        path: &[],
        digest: [1; 32],
        ceremony_id: [1; 32],
    };
    Dkls23.sign(input).map(drop)
}

#[test]
fn golden_shares_sign() {
    let shares: BTreeMap<PartyIndex, SecretShare> = (1..).zip(GOLDEN.map(share)).collect();
    let exchanges = signing(&shares, &[1, 2], &[], [7; 32], [8; 32]);
    for ending in run(exchanges, Faults::NONE, |_, _, _| {}).into_values() {
        let Ok(Outcome::Signature(signature)) = ending else {
            panic!("no signature: {ending:?}");
        };
        assert_eq!(signature.public_key, GOLDEN_KEY);
        assert_verifies(&signature, &[7; 32]);
    }
}

#[test]
fn the_encoding_is_version_1_and_round_trips() {
    for share in TWO_OF_THREE.shares.values() {
        let (version, encoded) = share.expose().split_first().unwrap();
        assert_eq!(*version, 1);
        let party: Party = postcard::from_bytes(encoded).unwrap();
        assert_eq!(postcard::to_allocvec(&party).unwrap(), encoded);
    }
}

#[test]
fn other_versions_are_named() {
    for version in [0, 2, 255] {
        let mut encoded = GOLDEN[0].to_vec();
        encoded[0] = version;
        let error = open(&share(encoded)).unwrap_err();
        assert!(
            matches!(error, EngineError::ShareVersion { found, known: 1 } if found == version),
            "{error}"
        );
    }
}

#[test]
fn cut_and_padded_shares_do_not_decode() {
    let whole = GOLDEN[0];
    for length in (0..100).chain((100..whole.len()).step_by(997)) {
        let error = open(&share(&whole[..length])).unwrap_err();
        assert!(
            matches!(error, EngineError::ShareEncoding(_)),
            "{length}: {error}"
        );
    }
    let error = open(&share([whole, &[0]].concat())).unwrap_err();
    assert!(matches!(error, EngineError::ShareEncoding(None)), "{error}");
}

#[test]
fn shares_that_contradict_themselves_are_refused() {
    let changes: [fn(&mut Party); 12] = [
        |it| it.parameters.share_count = 3,
        |it| it.parameters.share_count = 33,
        |it| it.party_index = 2.try_into().unwrap(),
        |it| it.party_index = 9.try_into().unwrap(),
        |it| it.session_id.clear(),
        |it| it.pk = k256::AffinePoint::IDENTITY,
        |it| it.pk = k256::AffinePoint::GENERATOR,
        |it| it.poly_point += k256::Scalar::ONE,
        |it| it.derivation_data.depth = 1,
        |it| it.mul_senders.clear(),
        |it| {
            let (_, receiver) = it.mul_receivers.first_key_value().unwrap();
            let mut receiver = receiver.clone();
            receiver.public_gadget.clear();
            it.mul_receivers.insert(2.try_into().unwrap(), receiver);
        },
        |it| it.zero_share.seeds[0].lowest_index ^= true,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut party: Party = postcard::from_bytes(&GOLDEN[0][1..]).unwrap();
        change(&mut party);
        let encoded = [vec![1], postcard::to_allocvec(&party).unwrap()].concat();
        let error = open(&share(encoded)).unwrap_err();
        assert!(
            matches!(error, EngineError::ShareContent(_)),
            "{number}: {error}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn a_damaged_share_never_signs_wrongly(
        position in any::<prop::sample::Index>(),
        mask in 1..=u8::MAX,
    ) {
        let mut encoded = GOLDEN[0].to_vec();
        let position = position.index(encoded.len());
        encoded[position] ^= mask;
        let damaged = share(encoded);
        if open(&damaged).is_ok() {
            let shares = BTreeMap::from([(1, damaged), (2, share(GOLDEN[1]))]);
            let exchanges = signing(&shares, &[1, 2], &[], [7; 32], [8; 32]);
            for ending in run(exchanges, Faults::NONE, |_, _, _| {}).into_values() {
                if let Ok(Outcome::Signature(signature)) = ending {
                    assert_verifies(&signature, &[7; 32]);
                }
            }
        }
    }
}
