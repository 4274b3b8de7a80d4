//! The newest events, for all who listen.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use super::batch::Batch;

/// How many bytes of events are kept for those who are a little behind.
const CAPACITY: usize = 8 * 1024 * 1024;

/// A run of events without gaps, bounded in bytes, that ends where its follower is.
#[derive(Debug)]
pub(super) struct Ring {
    state: RwLock<State>,
    changes: watch::Sender<Change>,
}

#[derive(Debug, Default)]
struct State {
    /// Position before the first event; none until the follower has begun.
    base: Option<u64>,
    batches: VecDeque<Arc<Batch>>,
    bytes: usize,
}

/// What wakes those who listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing has come yet.
    Nothing,
    /// The follower is at this position.
    At(u64),
    /// The log is closed.
    Closed,
}

/// What comes after a position.
#[derive(Debug)]
pub(super) enum Next {
    /// These events.
    Batch(Arc<Batch>),
    /// Nothing yet.
    Later,
    /// Events that are not here any more.
    Behind,
}

impl Ring {
    pub(super) fn new() -> Self {
        Self {
            state: RwLock::default(),
            changes: watch::Sender::new(Change::Nothing),
        }
    }

    /// The follower begins after a position.
    pub(super) fn begin(&self, after: u64) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.base = Some(after);
        drop(state);
        self.changes.send_replace(Change::At(after));
    }

    /// Adds the events that follow.
    pub(super) fn push(&self, batch: Batch) {
        let last = batch.last();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.bytes += batch.len();
        state.batches.push_back(Arc::new(batch));
        while state.bytes > CAPACITY
            && state.batches.len() > 1
            && let Some(oldest) = state.batches.pop_front()
        {
            state.bytes -= oldest.len();
            state.base = Some(oldest.last());
        }
        drop(state);
        self.changes.send_replace(Change::At(last));
    }

    /// Nothing will come any more.
    pub(super) fn close(&self) {
        self.changes.send_replace(Change::Closed);
    }

    /// Wakes when something has come.
    pub(super) fn changes(&self) -> watch::Receiver<Change> {
        self.changes.subscribe()
    }

    /// What comes after a position.
    pub(super) fn next(&self, after: u64) -> Next {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if state.base.is_none_or(|base| after < base) {
            return Next::Behind;
        }
        let place = state.batches.partition_point(|batch| batch.last() <= after);
        match state.batches.get(place) {
            Some(batch) => Next::Batch(batch.clone()),
            None => Next::Later,
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign_event_store::{Envelope, Owner, StreamId};
    use serde_json::json;

    use super::*;

    fn batch(position: u64, bytes: usize) -> Batch {
        let event = Envelope {
            position,
            stream: StreamId::new("account", position),
            version: 1,
            event_type: "AccountLocked".into(),
            event_version: 1,
            payload: json!({ "reason": "x".repeat(bytes) }),
            recorded_at: Default::default(),
            correlation_id: Default::default(),
            causation_id: None,
            actor: "test".into(),
            trace_parent: None,
            previous_hash: [0; 32],
        };
        let mut batches = Batch::write([(Arc::new(event), Owner::default())]).expect("JSON");
        batches.pop().expect("one")
    }

    fn next(ring: &Ring, after: u64) -> Option<u64> {
        match ring.next(after) {
            Next::Batch(batch) => Some(batch.last()),
            Next::Later => None,
            Next::Behind => Some(0),
        }
    }

    #[test]
    fn it_gives_what_follows_a_position_from_where_it_began() {
        let ring = Ring::new();
        assert_eq!(next(&ring, 7), Some(0), "it has not begun");
        ring.begin(7);
        assert_eq!(next(&ring, 6), Some(0));
        assert_eq!(next(&ring, 7), None);
        assert_eq!(next(&ring, 9), None, "somebody knows of a later head");
        ring.push(batch(8, 1));
        ring.push(batch(9, 1));
        assert_eq!(next(&ring, 6), Some(0));
        assert_eq!(next(&ring, 7), Some(8));
        assert_eq!(next(&ring, 8), Some(9));
        assert_eq!(next(&ring, 9), None);
    }

    #[test]
    fn it_keeps_no_more_than_its_capacity() {
        let ring = Ring::new();
        ring.begin(0);
        let size = CAPACITY / 4;
        for position in 1..=40 {
            ring.push(batch(position, size));
            let kept = ring.state.read().expect("not poisoned").bytes;
            assert!(kept <= CAPACITY, "{kept} bytes at {position}");
        }
        assert_eq!(next(&ring, 0), Some(0), "forgotten");
        assert_eq!(next(&ring, 36), Some(0), "forgotten");
        assert_eq!(next(&ring, 37), Some(38));
        assert_eq!(next(&ring, 40), None);
    }

    #[test]
    fn an_event_that_is_larger_than_all_of_it_is_kept_while_it_is_the_newest() {
        let ring = Ring::new();
        ring.begin(0);
        ring.push(batch(1, CAPACITY + 1));
        assert_eq!(next(&ring, 0), Some(1));
        ring.push(batch(2, 1));
        assert_eq!(next(&ring, 0), Some(0));
        assert_eq!(next(&ring, 1), Some(2));
    }
}
