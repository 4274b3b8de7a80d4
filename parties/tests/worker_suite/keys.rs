//! One 2-of-3 key for all tests: making one takes seconds.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use countersign_parties::engine::{
    Dkls23, Engine, KeygenInput, Outcome, PartyIndex, Recipient, SecretShare,
};
use countersign_parties::exchange::{Exchange, Send};

/// A key and its shares, by index.
pub(crate) struct KeySet {
    pub(crate) public_key: [u8; 33],
    pub(crate) chain_code: [u8; 32],
    pub(crate) shares: BTreeMap<PartyIndex, SecretShare>,
}

pub(crate) static KEY: LazyLock<KeySet> = LazyLock::new(generate);

fn generate() -> KeySet {
    const PARTIES: u8 = 3;
    let mut seats: BTreeMap<PartyIndex, Exchange> = (1..=PARTIES)
        .map(|me| {
            let input = KeygenInput {
                threshold: 2,
                parties: PARTIES,
                me,
                ceremony_id: [7; 32],
            };
            let ceremony = Dkls23.keygen(input).unwrap();
            let peers = (1..=PARTIES).filter(|peer| *peer != me).collect();
            (me, Exchange::new(ceremony, me, peers))
        })
        .collect();
    let mut post: Vec<(PartyIndex, Send)> = Vec::new();
    for (me, seat) in &mut seats {
        let sends = seat.start().unwrap().sends;
        post.extend(sends.into_iter().map(|send| (*me, send)));
    }
    let mut keys = BTreeMap::new();
    while let Some((from, send)) = post.pop() {
        for (me, seat) in &mut seats {
            let wanted = match send.to {
                Recipient::All => *me != from,
                Recipient::One(to) => *me == to,
            };
            if !wanted {
                continue;
            }
            let progress = seat.receive(from, send.message.clone()).unwrap();
            post.extend(progress.sends.into_iter().map(|send| (*me, send)));
            if let Some(Outcome::Key(key)) = progress.outcome {
                keys.insert(*me, key);
            }
        }
    }
    let first = &keys[&1];
    KeySet {
        public_key: first.public_key,
        chain_code: first.chain_code,
        shares: keys
            .iter()
            .map(|(index, key)| (*index, key.share.clone()))
            .collect(),
    }
}
