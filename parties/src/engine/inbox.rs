//! What has arrived from whom in which round.
//!
//! The rules of the port that do not depend on the protocol are kept here, so
//! that all ceremonies share them: membership, known rounds, bounded bodies,
//! duplicates, equivocation.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{Abort, Awaited, PartyIndex};

/// Digests of accepted messages, at most one per peer and round.
#[derive(Debug)]
pub(crate) struct Inbox {
    me: PartyIndex,
    peers: Vec<PartyIndex>,
    /// Largest body of each round in bytes; the index is the round less one.
    max_body: &'static [usize],
    seen: BTreeMap<(u8, PartyIndex), [u8; 32]>,
}

/// Whether an accepted message says anything new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The first of this peer in this round.
    New,
    /// The same bytes once more.
    Duplicate,
}

impl Inbox {
    /// For the ceremony of `me` with `peers`, of as many rounds as `max_body`.
    pub(crate) fn new(me: PartyIndex, peers: Vec<PartyIndex>, max_body: &'static [usize]) -> Self {
        Self {
            me,
            peers,
            max_body,
            seen: BTreeMap::new(),
        }
    }

    /// The party whose inbox it is.
    pub(crate) fn me(&self) -> PartyIndex {
        self.me
    }

    /// Checks a message against everything that can be said without decoding it.
    pub(crate) fn accept(
        &mut self,
        from: PartyIndex,
        round: u8,
        body: &[u8],
    ) -> Result<Arrival, Abort> {
        if from == self.me {
            // Only a caller that hands us our own frames can cause this.
            return Err(Abort::fatal(round, "own message came back"));
        }
        if !self.peers.contains(&from) {
            return Err(Abort::blame(from, round, "sender is not in the ceremony"));
        }
        let max_body = round
            .checked_sub(1)
            .and_then(|index| self.max_body.get(usize::from(index)))
            .ok_or_else(|| Abort::blame(from, round, "the protocol has no such round"))?;
        if body.len() > *max_body {
            return Err(Abort::blame(
                from,
                round,
                format!(
                    "message of {} bytes, at most {max_body} allowed",
                    body.len()
                ),
            ));
        }
        let digest: [u8; 32] = Sha256::digest(body).into();
        match self.seen.get(&(round, from)) {
            None => {
                self.seen.insert((round, from), digest);
                Ok(Arrival::New)
            }
            Some(first) if *first == digest => Ok(Arrival::Duplicate),
            Some(_) => Err(Abort::blame(
                from,
                round,
                "equivocation: two different messages in one round",
            )),
        }
    }

    /// How many rounds are complete, counted from the first without a gap.
    pub(crate) fn complete_rounds(&self) -> u8 {
        let awaited = self.awaited();
        if awaited.parties.is_empty() {
            awaited.round
        } else {
            awaited.round - 1
        }
    }

    /// The earliest round with someone missing.
    pub(crate) fn awaited(&self) -> Awaited {
        let last = u8::try_from(self.max_body.len()).unwrap_or(u8::MAX);
        for round in 1..=last {
            let parties: Vec<PartyIndex> = self
                .peers
                .iter()
                .copied()
                .filter(|&peer| !self.seen.contains_key(&(round, peer)))
                .collect();
            if !parties.is_empty() {
                return Awaited { round, parties };
            }
        }
        Awaited {
            round: last,
            parties: Vec::new(),
        }
    }
}
