//! A clock that stands until it is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::Duration;
use countersign_commands::Clock;
use countersign_domain::Timestamp;

/// When every test begins, in seconds since 1970.
const START: i64 = 1_750_000_000;

/// Clones are the same clock.
#[derive(Debug, Clone, Default)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(crate) fn now(&self) -> Timestamp {
        Self::at(Duration::milliseconds(self.0.load(Ordering::SeqCst)))
    }

    /// So long after the test began.
    pub(crate) fn at(after: Duration) -> Timestamp {
        Timestamp::from_timestamp(START, 0).expect("a time") + after
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Clock {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}
