//! What the DKLs23 engine costs: all parties of a ceremony one after the other on
//! one thread, without network, sealing or disk.

use std::sync::LazyLock;

use countersign_e2e::ceremony::{self, Key, generate, sign_input};
use countersign_parties::engine::dkls23::derive_public_key;
use countersign_parties::engine::{Ceremony, Dkls23, Engine, SignInput};
use divan::{Bencher, black_box};
use dkls23_secp256k1::Party;

fn main() {
    divan::main();
}

static TWO_OF_THREE: LazyLock<Key> = LazyLock::new(|| generate(2, 3));
static THREE_OF_FIVE: LazyLock<Key> = LazyLock::new(|| generate(3, 5));

/// The digest that is signed.
const DIGEST: [u8; 32] = [7; 32];

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
    bencher.bench(|| ceremony::sign(key, threshold, DIGEST));
}

/// Decodes and validates a share of a 2-of-3 key.
#[divan::bench]
fn share_decode(bencher: Bencher<'_, '_>) {
    let key = &*TWO_OF_THREE;
    bencher.bench(|| prepare(black_box(sign_input(key, 1, &[1, 2], DIGEST))));
}

/// The same, and derives the child's share at m/44/60/0.
#[divan::bench]
fn share_decode_and_derive(bencher: Bencher<'_, '_>) {
    let key = &*TWO_OF_THREE;
    let mut input = sign_input(key, 1, &[1, 2], DIGEST);
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
