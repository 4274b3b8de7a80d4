//! How busy each party is, as the log tells: how many open sessions it signs in.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::key::{Key, ordered_pair};
use countersign_domain::roster::Roster;
use countersign_messaging::presence::Presence;

use crate::config::Clock;
use crate::rosters::strangers;

/// Counts open sessions by party.
#[derive(Debug, Default)]
pub(crate) struct Load(Mutex<HashMap<PartyId, usize>>);

impl Load {
    /// Signers left and others came.
    pub(crate) fn change(&self, left: &[PartyId], came: &[PartyId]) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for party in left {
            if let Some(count) = counts.get_mut(party) {
                *count = count.saturating_sub(1);
            }
        }
        for party in came {
            *counts.entry(party.clone()).or_default() += 1;
        }
    }

    fn of(&self, party: &PartyId) -> usize {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(party).copied().unwrap_or(0)
    }
}

/// Orders parties: those that are there first, then those that pin the same roster,
/// then the least busy, then by a rotation that the session chooses, so that equals
/// take turns. While the bus is away nobody is heard, and all count as equal.
///
/// One that pins another roster may still do its part, when the difference is in
/// parties that do not concern it; one that is away cannot.
pub(crate) fn preference(
    parties: &[PartyId],
    session: SessionId,
    presence: &Presence,
    clock: &Clock,
    load: &Load,
) -> Vec<PartyId> {
    let now = clock();
    let present = presence.present(now);
    let strangers = strangers(presence, now);
    let mut ordered = parties.to_vec();
    if !ordered.is_empty() {
        let turn = usize::from(session.0.as_bytes()[15]) % ordered.len();
        ordered.rotate_left(turn);
    }
    ordered.sort_by_key(|party| {
        (
            !present.contains(party),
            strangers.contains(party),
            load.of(party),
        )
    });
    ordered
}

/// All names of a roster.
pub(crate) fn names(roster: &Roster) -> Vec<PartyId> {
    roster.parties().iter().map(|p| p.party.clone()).collect()
}

/// The pairs among `parties` that a key has banned.
pub(crate) fn banned(key: &Key, parties: &[PartyId]) -> BTreeSet<(PartyId, PartyId)> {
    let pairs = parties
        .iter()
        .flat_map(|a| parties.iter().map(move |b| (a, b)));
    pairs
        .filter(|(a, b)| a < b && key.banned(a, b))
        .map(|(a, b)| ordered_pair(a, b))
        .collect()
}
