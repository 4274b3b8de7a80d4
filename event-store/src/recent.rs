//! The newest committed events, kept in memory for those who follow the log.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, PoisonError, RwLock},
};

use crate::Envelope;

/// A bounded run of events that ends at the head of the log, as far as it is known, and
/// those that are known beyond a gap.
#[derive(Debug)]
pub(crate) struct Recent {
    capacity: usize,
    ring: RwLock<Ring>,
}

#[derive(Debug)]
struct Ring {
    head: u64,
    events: VecDeque<Arc<Envelope>>,
    /// By position, all beyond the one that follows the head.
    beyond: BTreeMap<u64, Arc<Envelope>>,
}

/// What is not known after the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The head.
    pub(crate) after: u64,
    /// How many events are missing before the next that is known, if any is.
    pub(crate) amount: Option<u64>,
}

impl Recent {
    /// Knows the head and no events yet.
    pub(crate) fn new(head: u64, capacity: usize) -> Self {
        Self {
            capacity,
            ring: RwLock::new(Ring {
                head,
                events: VecDeque::new(),
                beyond: BTreeMap::new(),
            }),
        }
    }

    /// Adds committed events, in order. What is there already is passed over; what
    /// others have committed before them may be added later.
    pub(crate) fn add(&self, events: impl IntoIterator<Item = Arc<Envelope>>) {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            if event.position == ring.head + 1 {
                ring.push(event);
            } else if event.position > ring.head {
                ring.beyond.insert(event.position, event);
            }
        }
        ring.close_gap();
        if ring.beyond.len() > self.capacity {
            // Nobody follows, and asks for what is missing.
            let first = ring.beyond.keys().next().copied().unwrap_or_default();
            ring.events.clear();
            ring.head = first - 1;
            ring.close_gap();
        }
        let excess = ring.events.len().saturating_sub(self.capacity);
        ring.events.drain(..excess);
    }

    /// Forgets the events: the head moved to where the ring does not know it.
    pub(crate) fn reset(&self, head: u64) {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        ring.head = head;
        ring.events.clear();
        ring.beyond.clear();
    }

    /// Up to `limit` events after a position, and what is not known after them; none
    /// unless the ring begins before that position and ends at it or beyond.
    pub(crate) fn known(&self, after: u64, limit: usize) -> Option<(Vec<Arc<Envelope>>, Gap)> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let reaches = after <= ring.head;
        let events = ring.after(after, limit).filter(|_| reaches)?;
        Some((events, ring.gap()))
    }

    /// `limit` events after a position, if the ring holds so many of them.
    pub(crate) fn full(&self, after: u64, limit: usize) -> Option<Vec<Arc<Envelope>>> {
        self.after(after, limit)
            .filter(|events| events.len() == limit)
    }

    /// Up to `limit` events after a position, if the ring goes back that far.
    pub(crate) fn after(&self, after: u64, limit: usize) -> Option<Vec<Arc<Envelope>>> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        ring.after(after, limit)
    }
}

impl Ring {
    fn after(&self, after: u64, limit: usize) -> Option<Vec<Arc<Envelope>>> {
        let Some(wanted) = self.head.checked_sub(after) else {
            return Some(Vec::new());
        };
        let skip = (self.events.len() as u64).checked_sub(wanted)?;
        let skip = usize::try_from(skip).expect("less than the ring's length");
        Some(self.events.iter().skip(skip).take(limit).cloned().collect())
    }

    fn gap(&self) -> Gap {
        let next = self.beyond.keys().next();
        Gap {
            after: self.head,
            amount: next.map(|next| next - self.head - 1),
        }
    }

    fn push(&mut self, event: Arc<Envelope>) {
        self.head = event.position;
        self.events.push_back(event);
    }

    /// Takes what now follows the head, and drops what the head has passed.
    fn close_gap(&mut self) {
        while let Some(next) = self.beyond.first_entry() {
            let position = *next.key();
            if position > self.head + 1 {
                return;
            }
            let event = next.remove();
            if position == self.head + 1 {
                self.push(event);
            }
        }
    }
}

#[cfg(test)]
mod tests;
