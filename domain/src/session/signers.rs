//! Who signs: exactly as many as needed, none of them banned with another.

use std::collections::BTreeSet;

use crate::ids::PartyId;

/// The first `count` of `candidates` (the best first) among whom no pair is
/// banned; none when there is no such set. Pairs are kept with the lesser name
/// first. At most 32 candidates, so plain backtracking will do.
#[must_use]
pub fn pick(
    count: usize,
    candidates: &[PartyId],
    banned: &BTreeSet<(PartyId, PartyId)>,
) -> Option<Vec<PartyId>> {
    let mut chosen = Vec::with_capacity(count);
    extend(count, candidates, banned, &mut chosen).then_some(chosen)
}

fn extend(
    count: usize,
    candidates: &[PartyId],
    banned: &BTreeSet<(PartyId, PartyId)>,
    chosen: &mut Vec<PartyId>,
) -> bool {
    if chosen.len() == count {
        return true;
    }
    for (at, candidate) in candidates.iter().enumerate() {
        if candidates.len() - at < count - chosen.len() {
            return false;
        }
        if chosen
            .iter()
            .any(|other| is_banned(banned, other, candidate))
        {
            continue;
        }
        chosen.push(candidate.clone());
        if extend(count, &candidates[at + 1..], banned, chosen) {
            return true;
        }
        chosen.pop();
    }
    false
}

fn is_banned(banned: &BTreeSet<(PartyId, PartyId)>, a: &PartyId, b: &PartyId) -> bool {
    let pair = if a <= b { (a, b) } else { (b, a) };
    banned.contains(&(pair.0.clone(), pair.1.clone()))
}
