//! What the DKLs23 engine costs: all parties of a ceremony one after the other on
//! one thread, without network, sealing or disk.

use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;

use countersign_parties::engine::dkls23::derive_public_key;
use countersign_parties::engine::{
    Ceremony, Dkls23, Engine, GeneratedKey, KeygenInput, Outcome, PartyIndex, Recipient, SignInput,
};
use divan::{Bencher, black_box};
use dkls23_secp256k1::Party;

fn main() {
    divan::main();
}

type Ceremonies = BTreeMap<PartyIndex, Box<dyn Ceremony>>;
type Key = BTreeMap<PartyIndex, GeneratedKey>;

/// Delivers everything at once and in order.
fn run(mut ceremonies: Ceremonies) -> BTreeMap<PartyIndex, Outcome> {
    let parties: Vec<PartyIndex> = ceremonies.keys().copied().collect();
    let mut outcomes = BTreeMap::new();
    let mut queue = VecDeque::new();
    for (&party, ceremony) in &mut ceremonies {
        let step = ceremony.start().expect("honest parties");
        queue.extend(step.outgoing.into_iter().map(|it| (party, it)));
    }
    while let Some((from, message)) = queue.pop_front() {
        for &to in &parties {
            if to == from
                || !matches!(message.to, Recipient::All) && message.to != Recipient::One(to)
            {
                continue;
            }
            let ceremony = ceremonies.get_mut(&to).expect("a party");
            let step = ceremony
                .handle(from, message.round, &message.body)
                .expect("honest parties");
            queue.extend(step.outgoing.into_iter().map(|it| (to, it)));
            outcomes.extend(step.outcome.map(|it| (to, it)));
        }
    }
    outcomes
}

fn generate(threshold: u8, parties: u8) -> Key {
    let ceremonies = (1..=parties)
        .map(|me| {
            let input = KeygenInput {
                threshold,
                parties,
                me,
                ceremony_id: [threshold; 32],
            };
            (me, Dkls23.keygen(input).expect("input is good"))
        })
        .collect();
    run(ceremonies)
        .into_iter()
        .map(|(party, outcome)| match outcome {
            Outcome::Key(key) => (party, key),
            Outcome::Signature(_) => unreachable!("a keygen makes keys"),
        })
        .collect()
}

static TWO_OF_THREE: LazyLock<Key> = LazyLock::new(|| generate(2, 3));
static THREE_OF_FIVE: LazyLock<Key> = LazyLock::new(|| generate(3, 5));

fn input<'a>(key: &'a Key, me: PartyIndex, signers: &'a [PartyIndex]) -> SignInput<'a> {
    SignInput {
        share: &key[&me].share,
        signers,
        path: &[],
        digest: [7; 32],
        ceremony_id: [9; 32],
    }
}

fn prepare(input: SignInput<'_>) -> Box<dyn Ceremony> {
    Dkls23.sign(input).expect("input is good")
}

#[divan::bench(args = [(2, 3), (3, 5)], sample_count = 5, sample_size = 1)]
fn keygen((threshold, parties): (u8, u8)) -> Key {
    generate(threshold, parties)
}

/// From stored shares to a verified signature at every signer.
#[divan::bench(args = [(2, 3), (3, 5)], sample_count = 100, sample_size = 1)]
fn sign(bencher: Bencher<'_, '_>, (threshold, parties): (u8, u8)) {
    // Made here, not in the first sample.
    let key = match parties {
        3 => &*TWO_OF_THREE,
        _ => &*THREE_OF_FIVE,
    };
    let signers: Vec<PartyIndex> = (1..=threshold).collect();
    bencher.bench(|| {
        run(signers
            .iter()
            .map(|&me| (me, prepare(input(key, me, &signers))))
            .collect())
    });
}

/// Decodes and validates a share of a 2-of-3 key.
#[divan::bench]
fn share_decode(bencher: Bencher<'_, '_>) {
    let key = &*TWO_OF_THREE;
    bencher.bench(|| prepare(black_box(input(key, 1, &[1, 2]))));
}

/// The same, and derives the child's share at m/44/60/0.
#[divan::bench]
fn share_decode_and_derive(bencher: Bencher<'_, '_>) {
    let key = &*TWO_OF_THREE;
    let mut input = input(key, 1, &[1, 2]);
    input.path = &[44, 60, 0];
    bencher.bench(|| prepare(black_box(input)));
}

/// Encodes a share of a 2-of-3 key.
#[divan::bench]
fn share_encode(bencher: Bencher<'_, '_>) {
    let encoded = TWO_OF_THREE[&1].share.expose();
    let party: Party = postcard::from_bytes(&encoded[1..]).expect("a share");
    bencher.bench(|| postcard::to_allocvec(black_box(&party)));
}

/// Derives the public key at m/44/60/0, without a share.
#[divan::bench]
fn derive_public(bencher: Bencher<'_, '_>) {
    let key = &TWO_OF_THREE[&1];
    bencher.bench(|| derive_public_key(black_box(&key.public_key), &key.chain_code, &[44, 60, 0]));
}
