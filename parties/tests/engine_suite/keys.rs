//! Keys for all tests, each made once: key generation is seconds of computing.
//! Every one of them was made over a bad network.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use countersign_parties::engine::{KeygenInput, PartyIndex, SecretShare};

use crate::network::{Faults, into_key, keygen_exchange, run};

pub(crate) struct Key {
    pub(crate) threshold: u8,
    pub(crate) parties: u8,
    pub(crate) public_key: [u8; 33],
    pub(crate) chain_code: [u8; 32],
    pub(crate) shares: BTreeMap<PartyIndex, SecretShare>,
}

pub(crate) static TWO_OF_TWO: LazyLock<Key> = LazyLock::new(|| generate(2, 2, 20));
pub(crate) static TWO_OF_THREE: LazyLock<Key> = LazyLock::new(|| generate(2, 3, 23));
pub(crate) static THREE_OF_FIVE: LazyLock<Key> = LazyLock::new(|| generate(3, 5, 35));
pub(crate) static FOUR_OF_SEVEN: LazyLock<Key> = LazyLock::new(|| generate(4, 7, 47));

/// Makes a key over a network that loses a quarter of what is sent, and checks
/// that all parties have the same one.
fn generate(threshold: u8, parties: u8, seed: u64) -> Key {
    let exchanges = (1..=parties)
        .map(|me| {
            let input = KeygenInput {
                threshold,
                parties,
                me,
                ceremony_id: [seed as u8; 32],
            };
            (me, keygen_exchange(input))
        })
        .collect();
    let faults = Faults {
        seed,
        loss: 25,
        duplication: 25,
        delay: 40,
    };
    let endings = run(exchanges, faults, |_, _, _| {});
    assert_eq!(endings.len(), usize::from(parties), "everyone ends");

    let mut keys = endings
        .into_iter()
        .map(|(party, ending)| (party, into_key(ending)));
    let (first, key) = keys.next().expect("party 1");
    let mut shares = BTreeMap::from([(first, key.share)]);
    for (party, other) in keys {
        assert_eq!(other.public_key, key.public_key);
        assert_eq!(other.chain_code, key.chain_code);
        assert_eq!(other.broadcast_hash, key.broadcast_hash);
        shares.insert(party, other.share);
    }
    assert_ne!(key.chain_code, [0; 32]);
    assert_ne!(key.broadcast_hash, [0; 32]);
    Key {
        threshold,
        parties,
        public_key: key.public_key,
        chain_code: key.chain_code,
        shares,
    }
}
