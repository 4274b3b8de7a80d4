//! What a worker has done and dropped, for metrics and tests.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the worker was made.
#[derive(Debug, Default)]
pub struct Stats {
    /// Invitations that were accepted.
    pub invitations_accepted: Counter,
    /// Invitations that were refused with a reason.
    pub invitations_refused: Counter,
    /// Invitations that could not be read, or came beyond a bound.
    pub invitations_dropped: Counter,
    /// Frames that did not verify: forged, damaged, or not of a signer.
    pub frames_refused: Counter,
    /// Frames of sessions unknown or over, or beyond a bound.
    pub frames_dropped: Counter,
    /// Early starts that were dropped, and events that could not be read.
    pub events_dropped: Counter,
    /// Requests for messages that did not arrive.
    pub resends_asked: Counter,
    /// Attempts whose rounds began here.
    pub attempts_begun: Counter,
    /// Attempts that ended with a key or a signature here.
    pub attempts_done: Counter,
    /// Attempts that this party gave up.
    pub attempts_aborted: Counter,
}

/// One count.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The count now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(super) fn increment(&self) {
        self.add(1);
    }
}
