//! Who signs: exactly as many as needed, none of them banned with another.

use std::collections::BTreeSet;

use crate::ids::PartyId;
use crate::key::ordered_pair;

/// The first `count` of `candidates` (the best first) among whom no pair is
/// banned and nobody stands twice; none when there is no such set. Pairs are
/// kept with the lesser name first. At most 32 candidates, so plain backtracking
/// will do.
#[must_use]
pub fn pick(
    count: usize,
    candidates: &[PartyId],
    banned: &BTreeSet<(PartyId, PartyId)>,
) -> Option<Vec<PartyId>> {
    let exclude = |a: &PartyId, b: &PartyId| a == b || banned.contains(&ordered_pair(a, b));
    let search = Search {
        count,
        excluded: candidates
            .iter()
            .map(|a| candidates.iter().map(|b| exclude(a, b)).collect())
            .collect(),
    };
    let mut chosen = Vec::with_capacity(candidates.len());
    search
        .extend(0, &mut chosen)
        .then(|| chosen.iter().map(|at| candidates[*at].clone()).collect())
}

struct Search {
    count: usize,
    /// Whether two candidates, by their places, exclude each other.
    excluded: Vec<Vec<bool>>,
}

impl Search {
    /// Extends the choice by candidates from this place on.
    fn extend(&self, from: usize, chosen: &mut Vec<usize>) -> bool {
        if chosen.len() == self.count {
            return true;
        }
        for at in from..self.excluded.len() {
            if self.excluded.len() - at < self.count - chosen.len() {
                return false;
            }
            if chosen.iter().any(|other| self.excluded[at][*other]) {
                continue;
            }
            chosen.push(at);
            if self.extend(at + 1, chosen) {
                return true;
            }
            chosen.pop();
        }
        false
    }
}
