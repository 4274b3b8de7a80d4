//! The hash over a keygen's broadcasts.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::engine::PartyIndex;

/// Keeps this hash apart from every other use of SHA-256.
const DOMAIN: &[u8] = b"countersign/dkls23/keygen-broadcasts/v1";

/// Every broadcast of a keygen, own ones included.
#[derive(Default)]
pub(super) struct Transcript(BTreeMap<(u8, PartyIndex), Vec<u8>>);

impl Transcript {
    /// Adds the broadcast of `sender` in `round`.
    pub(super) fn add(&mut self, round: u8, sender: PartyIndex, body: &[u8]) {
        self.0.insert((round, sender), body.to_vec());
    }

    /// SHA-256 over the domain and, ascending by round and then sender, the
    /// round (1 byte), the sender (1), the body's length (8, big-endian) and the
    /// body. Hence equal whatever the order of arrival.
    pub(super) fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(DOMAIN);
        for ((round, sender), body) in &self.0 {
            hash.update([*round, *sender]);
            hash.update((body.len() as u64).to_be_bytes());
            hash.update(body);
        }
        hash.finalize().into()
    }
}
