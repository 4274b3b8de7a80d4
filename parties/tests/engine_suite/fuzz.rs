//! Random and damaged bodies: aborts that name the sender, never a panic.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use countersign_parties::engine::{AbortKind, KeygenInput};
use countersign_parties::exchange::Message;
use proptest::prelude::*;

use crate::keys::TWO_OF_TWO;
use crate::network::{Faults, keygen_ceremony, keygen_exchange, run, signing};

/// What is done to a body.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Vec<(prop::sample::Index, u8)>),
    Cut(prop::sample::Index),
    Extend(Vec<u8>),
    Replace(Vec<u8>),
}

impl Damage {
    fn to(&self, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        match self {
            Self::Flip(flips) => {
                for (position, mask) in flips {
                    let position = position.index(body.len());
                    body[position] ^= mask;
                }
            }
            Self::Cut(length) => body.truncate(length.index(body.len())),
            Self::Extend(more) => body.extend(more),
            Self::Replace(other) => body.clone_from(other),
        }
        body
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let flip = (any::<prop::sample::Index>(), 1..=u8::MAX);
    let bytes = || prop::collection::vec(any::<u8>(), 1..300);
    prop_oneof![
        4 => prop::collection::vec(flip, 1..4).prop_map(Damage::Flip),
        1 => any::<prop::sample::Index>().prop_map(Damage::Cut),
        1 => bytes().prop_map(Damage::Extend),
        1 => bytes().prop_map(Damage::Replace),
    ]
}

/// The bodies of one key generation, from party 2 to party 1, by round.
static HONEST: LazyLock<BTreeMap<u8, Vec<u8>>> = LazyLock::new(|| {
    let mut bodies = BTreeMap::new();
    let exchanges = [1, 2].map(|me| (me, keygen_exchange(input(me))));
    run(
        BTreeMap::from(exchanges),
        Faults::NONE,
        |from, _, message| {
            if let Message::Data { round, body, .. } = message
                && from == 2
            {
                bodies.insert(*round, body.to_vec());
            }
        },
    );
    bodies
});

fn input(me: u8) -> KeygenInput {
    KeygenInput {
        threshold: 2,
        parties: 2,
        me,
        ceremony_id: [4; 32],
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        max_shrink_iters: 20,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(300))]
    #[test]
    fn a_damaged_signing_message_yields_no_signature(at in 1..=3_u8, damage in damage()) {
        let exchanges = signing(&TWO_OF_TWO.shares, &[1, 2], &[], [5; 32], [6; 32]);
        let mut changed = false;
        let mut endings = run(exchanges, Faults::NONE, |from, _, message| {
            if let Message::Data { round, body, .. } = message && (from, *round) == (2, at) {
                let damaged = damage.to(body);
                changed = damaged != **body;
                **body = damaged;
            }
        });
        prop_assume!(changed);
        let abort = endings.remove(&1).expect("it ends").expect_err("it aborts");
        prop_assert!(matches!(abort.kind, AbortKind::Retry | AbortKind::Ban(2)), "{abort}");
        if at < 3 {
            prop_assert_eq!(abort.culprits, [2]);
        }
    }
}

proptest! {
    #![proptest_config(cases(2000))]
    #[test]
    fn damaged_keygen_messages_are_kept_or_blamed(at in 1..=5_u8, damage in damage()) {
        // All rounds decode on arrival, so that none needs the ones before.
        let body = damage.to(&HONEST[&at]);
        if let Err(abort) = keygen_ceremony(input(1)).handle(2, at, &body) {
            prop_assert_eq!(abort.kind, AbortKind::Retry);
            prop_assert_eq!(abort.culprits, [2]);
            prop_assert_eq!(abort.round, at);
        }
    }

    #[test]
    fn any_bytes_from_anyone_in_any_round_are_survived(
        messages in prop::collection::vec(
            (any::<u8>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..200)),
            1..5,
        ),
    ) {
        let mut ceremony = keygen_ceremony(input(1));
        ceremony.start().unwrap();
        for (from, round, body) in messages {
            let _ = ceremony.handle(from % 4, round % 7, &body);
        }
    }
}

proptest! {
    #![proptest_config(cases(12))]
    #[test]
    fn a_damaged_keygen_message_makes_no_key(at in 2..=5_u8, damage in damage()) {
        let exchanges = [1, 2].map(|me| (me, keygen_exchange(input(me))));
        let mut changed = false;
        let mut endings = run(BTreeMap::from(exchanges), Faults::NONE, |from, _, message| {
            if let Message::Data { round, body, .. } = message && (from, *round) == (2, at) {
                let damaged = damage.to(body);
                changed = damaged != **body;
                **body = damaged;
            }
        });
        prop_assume!(changed);
        let abort = endings.remove(&1).expect("it ends").expect_err("it aborts");
        prop_assert_eq!(abort.culprits, [2]);
    }
}
