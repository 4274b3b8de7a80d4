//! Who was heard when, and when patience ends.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::{Awaited, PartyIndex};

/// How many times the limit a peer may take over one round while it keeps saying
/// that it is there: long steps take long, but not for ever.
const PATIENCE: u32 = 6;

/// The silence of the peers of one attempt.
pub(super) struct Silence {
    limit: Duration,
    began: Instant,
    heard: BTreeMap<PartyIndex, Instant>,
    awaited: Awaited,
    /// Since when the same round is awaited.
    since: Instant,
}

impl Silence {
    pub(super) fn new(limit: Duration) -> Self {
        let now = Instant::now();
        Self {
            limit,
            began: now,
            heard: BTreeMap::new(),
            awaited: Awaited {
                round: 0,
                parties: Vec::new(),
            },
            since: now,
        }
    }

    /// This peer spoke.
    pub(super) fn hear(&mut self, peer: PartyIndex) {
        self.heard.insert(peer, Instant::now());
    }

    /// These are awaited now.
    pub(super) fn wait_for(&mut self, awaited: Awaited) {
        if awaited.round != self.awaited.round {
            self.since = Instant::now();
        }
        self.awaited = awaited;
    }

    pub(super) fn awaited(&self) -> &Awaited {
        &self.awaited
    }

    /// When the first of the awaited runs out of time.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let deadline = |peer| self.deadline_of(peer);
        self.awaited.parties.iter().map(deadline).min()
    }

    /// The awaited whose time is up.
    pub(super) fn culprits(&self, now: Instant) -> Vec<PartyIndex> {
        let late = |peer: &&PartyIndex| self.deadline_of(peer) <= now;
        self.awaited.parties.iter().filter(late).copied().collect()
    }

    fn deadline_of(&self, peer: &PartyIndex) -> Instant {
        let heard = self.heard.get(peer).unwrap_or(&self.began);
        (*heard + self.limit).min(self.since + self.limit * PATIENCE)
    }
}
