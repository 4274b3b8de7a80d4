//! The round after a key generation: everybody tells everybody what came out.
//!
//! It stands in for the echo broadcast that the protocol lacks. What peers say is
//! kept from the start, since one may be done before this party is.

use std::collections::BTreeMap;

use crate::engine::{Awaited, PartyIndex};
use crate::exchange::MAX_ANSWERS;

/// The most bytes of a confirmation that are kept; a real one has fewer than half.
const MAX_BODY: usize = 4096;

#[derive(Default)]
pub(super) struct Confirm {
    /// The round, and what this party says in it.
    mine: Option<(u8, Vec<u8>)>,
    theirs: BTreeMap<PartyIndex, Vec<u8>>,
    told: Vec<PartyIndex>,
    answers: BTreeMap<PartyIndex, u8>,
}

impl Confirm {
    /// This party has its result.
    pub(super) fn open(&mut self, round: u8, body: Vec<u8>) {
        self.mine = Some((round, body));
    }

    pub(super) fn is_open(&self) -> bool {
        self.mine.is_some()
    }

    /// The first that a peer says counts; it has no reason to say anything else
    /// later. Something overlong is kept as empty, which equals nothing.
    pub(super) fn take(&mut self, from: PartyIndex, body: &[u8]) {
        let body = if body.len() > MAX_BODY { &[] } else { body };
        self.theirs.entry(from).or_insert_with(|| body.to_vec());
    }

    /// What this party has said, for a peer that asks; not without end.
    pub(super) fn answer(&mut self, from: PartyIndex, round: u8) -> Option<&[u8]> {
        let (mine, body) = self.mine.as_ref()?;
        if *mine != round {
            return None;
        }
        let answers = self.answers.entry(from).or_default();
        if *answers >= MAX_ANSWERS {
            return None;
        }
        *answers += 1;
        Some(body)
    }

    /// Who has not said anything yet, once it is this round's turn.
    pub(super) fn awaited(&self, peers: impl Iterator<Item = PartyIndex>) -> Option<Awaited> {
        let (round, _) = self.mine.as_ref()?;
        Some(Awaited {
            round: *round,
            parties: peers
                .filter(|peer| !self.theirs.contains_key(peer))
                .collect(),
        })
    }

    /// What peers have said and was not given out yet, once it can be compared.
    pub(super) fn news(&mut self) -> Vec<(PartyIndex, Vec<u8>)> {
        if self.mine.is_none() {
            return Vec::new();
        }
        let news: Vec<_> = self
            .theirs
            .iter()
            .filter(|(peer, _)| !self.told.contains(peer))
            .map(|(peer, body)| (*peer, body.clone()))
            .collect();
        self.told.extend(news.iter().map(|(peer, _)| *peer));
        news
    }
}
