//! Picking signers, against trying every set there is.

use std::collections::BTreeSet;

use countersign_domain::ids::PartyId;
use countersign_domain::session::pick;
use proptest::prelude::*;

use crate::fixture::{pairs, parties, party};

fn compatible(set: &[PartyId], banned: &BTreeSet<(PartyId, PartyId)>) -> bool {
    set.iter().all(|a| {
        set.iter()
            .all(|b| !banned.contains(&(a.clone(), b.clone())))
    })
}

/// All sets of `count` candidates in the order of the candidates, the set with
/// the better first members first.
fn all_sets(count: usize, candidates: &[PartyId]) -> Vec<Vec<PartyId>> {
    if count == 0 {
        return vec![vec![]];
    }
    let Some((first, rest)) = candidates.split_first() else {
        return vec![];
    };
    let with_first = all_sets(count - 1, rest).into_iter().map(|mut set| {
        set.insert(0, first.clone());
        set
    });
    with_first.chain(all_sets(count, rest)).collect()
}

fn candidates_and_bans() -> impl Strategy<Value = (Vec<u8>, Vec<(u8, u8)>, usize)> {
    // Past nine the order of names is not that of numbers.
    (2u8..=11).prop_flat_map(|n| {
        let order = Just((1..=n).collect::<Vec<u8>>()).prop_shuffle();
        let pair = (1..=n, 1..=n).prop_filter("two parties", |(a, b)| a != b);
        (
            order,
            prop::collection::vec(pair, 0..20),
            0..=usize::from(n),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_best_set_without_a_banned_pair_is_found_if_there_is_one(
        (order, bans, count) in candidates_and_bans()
    ) {
        let candidates = parties(&order);
        let mut banned = BTreeSet::new();
        for (a, b) in bans {
            let (a, b) = (party(a), party(b));
            banned.insert(if a <= b { (a, b) } else { (b, a) });
        }
        let expected = all_sets(count, &candidates)
            .into_iter()
            .find(|set| compatible(set, &banned));
        prop_assert_eq!(pick(count, &candidates, &banned), expected);
    }
}

#[test]
fn more_signers_than_candidates_are_not_found() {
    assert_eq!(pick(3, &parties(&[1, 2]), &BTreeSet::new()), None);
}

#[test]
fn nobody_signs_twice() {
    let twice = parties(&[1, 1, 2]);
    assert_eq!(pick(2, &twice, &BTreeSet::new()), Some(parties(&[1, 2])));
    assert_eq!(pick(3, &twice, &BTreeSet::new()), None);
}

#[test]
fn a_better_signer_makes_room_when_it_is_banned_with_all_others() {
    let banned = pairs(&[(1, 2), (1, 3), (1, 4)]);
    assert_eq!(
        pick(2, &parties(&[1, 2, 3, 4]), &banned),
        Some(parties(&[2, 3]))
    );
}

#[test]
fn the_largest_roster_with_the_most_awkward_bans_is_searched_in_time() {
    // Sixteen pairs that exclude each other have no seventeen who do not, and
    // ten triangles no eleven.
    let candidates: Vec<_> = (1..=32).map(party).collect();
    let order = |a: u8, b: u8| {
        let (a, b) = (party(a), party(b));
        if a <= b { (a, b) } else { (b, a) }
    };
    let couples: BTreeSet<_> = (0..16).map(|at| order(2 * at + 1, 2 * at + 2)).collect();
    assert_eq!(pick(17, &candidates, &couples), None);
    assert_eq!(pick(16, &candidates, &couples).unwrap().len(), 16);
    let triangles: BTreeSet<_> = (0..10)
        .flat_map(|at| {
            let (a, b, c) = (3 * at + 1, 3 * at + 2, 3 * at + 3);
            [order(a, b), order(a, c), order(b, c)]
        })
        .collect();
    assert_eq!(pick(11, &candidates[..30], &triangles), None);
}
