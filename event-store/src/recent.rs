//! The newest committed events, kept in memory for those who follow the log.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError, RwLock},
};

use crate::Envelope;

/// A bounded run of events that ends at the head of the log.
#[derive(Debug)]
pub(crate) struct Recent {
    capacity: usize,
    ring: RwLock<Ring>,
}

#[derive(Debug)]
struct Ring {
    head: u64,
    events: VecDeque<Arc<Envelope>>,
}

impl Recent {
    /// Knows the head and no events yet.
    pub(crate) fn new(head: u64, capacity: usize) -> Self {
        Self {
            capacity,
            ring: RwLock::new(Ring {
                head,
                events: VecDeque::new(),
            }),
        }
    }

    /// Adds the events that follow the head.
    pub(crate) fn extend(&self, events: impl Iterator<Item = Arc<Envelope>>) {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            debug_assert_eq!(event.position, ring.head + 1, "the ring has no gaps");
            ring.head = event.position;
            ring.events.push_back(event);
        }
        let excess = ring.events.len().saturating_sub(self.capacity);
        ring.events.drain(..excess);
    }

    /// Forgets the events: the head moved to where the ring does not know it.
    pub(crate) fn reset(&self, head: u64) {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        ring.head = head;
        ring.events.clear();
    }

    /// `limit` events after a position, if the ring holds so many of them.
    pub(crate) fn full(&self, after: u64, limit: usize) -> Option<Vec<Arc<Envelope>>> {
        self.after(after, limit)
            .filter(|events| events.len() == limit)
    }

    /// Up to `limit` events after a position, if the ring goes back that far.
    pub(crate) fn after(&self, after: u64, limit: usize) -> Option<Vec<Arc<Envelope>>> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let Some(wanted) = ring.head.checked_sub(after) else {
            return Some(Vec::new());
        };
        let skip = (ring.events.len() as u64).checked_sub(wanted)?;
        let skip = usize::try_from(skip).expect("less than the ring's length");
        Some(ring.events.iter().skip(skip).take(limit).cloned().collect())
    }
}
