//! What other processes have appended, as this process has read it.
//!
//! With it the writer still knows where the log and its streams end, and need not ask.

use std::{
    mem::take,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{Envelope, StreamId, chain::Tail};

/// The most events that are kept for the writer.
const KEPT: usize = 4096;

/// Events after those that the writer knows of.
#[derive(Debug)]
pub(super) struct News(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Position of the last event known.
    end: u64,
    events: Vec<New>,
}

/// An event, and the end of its stream after it.
#[derive(Debug)]
pub(super) struct New {
    pub(super) position: u64,
    pub(super) stream: StreamId,
    pub(super) tail: Tail,
}

impl News {
    pub(super) fn new(head: u64) -> Self {
        Self(Mutex::new(State {
            end: head,
            events: Vec::new(),
        }))
    }

    /// Takes note of contiguous events that were read from the log, if they go on
    /// where what is known ends.
    pub(super) fn read(&self, events: &[Arc<Envelope>]) {
        let (Some(first), Some(last)) = (events.first(), events.last()) else {
            return;
        };
        let end = self.lock().end;
        if first.position > end + 1 || last.position <= end {
            return;
        }
        let new = events.iter().filter(|event| event.position > end);
        let new: Vec<_> = new.map(|event| New::of(event)).collect();
        let mut state = self.lock();
        if state.end == end && state.events.len() + new.len() <= KEPT {
            state.end = last.position;
            state.events.extend(new);
        }
    }

    /// Takes note of where the log ends, and that the writer knows of all up to there.
    pub(super) fn known(&self, head: u64) {
        let mut state = self.lock();
        if state.end < head {
            state.end = head;
            state.events.clear();
        }
    }

    /// Takes what is new, in order; some of it may be known.
    pub(super) fn take(&self) -> Vec<New> {
        take(&mut self.lock().events)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl New {
    fn of(event: &Envelope) -> Self {
        Self {
            position: event.position,
            stream: event.stream.clone(),
            tail: Tail {
                version: event.version,
                hash: event.hash(),
            },
        }
    }
}
