//! Whether the bus and the log can be used, told when it changes and not with
//! every attempt.

use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_messaging::Bus;
use tokio::time::Instant;

/// How long the bus may be away before sessions are not begun any more.
pub(crate) const BUS_GRACE: Duration = Duration::from_secs(2);

/// How long after its return parties may take to be heard, and to answer.
const BUS_SETTLES: Duration = Duration::from_secs(5);

/// Since when what cannot be used.
#[derive(Debug, Default)]
pub(crate) struct Health {
    bus: Part,
    bus_returned: Mutex<Option<Instant>>,
    log: Part,
}

#[derive(Debug, Default)]
struct Part(Mutex<Option<Instant>>);

impl Health {
    /// For how long the bus cannot be reached; none while it can.
    pub(crate) fn bus_away(&self, bus: &dyn Bus) -> Option<Duration> {
        if bus.is_reachable() {
            if self.bus.works("bus") {
                *lock(&self.bus_returned) = Some(Instant::now());
            }
            None
        } else {
            Some(self.bus.fails("bus", &"the connection is lost"))
        }
    }

    /// Whether parties could be heard, and could have answered.
    pub(crate) fn is_bus_steady(&self, bus: &dyn Bus) -> bool {
        self.bus_away(bus).is_none()
            && lock(&self.bus_returned).is_none_or(|since| since.elapsed() >= BUS_SETTLES)
    }

    /// The log could not be read.
    pub(crate) fn log_fails(&self, error: &dyn Display) {
        self.log.fails("event log", error);
    }

    /// The log was read.
    pub(crate) fn log_works(&self) {
        self.log.works("event log");
    }

    /// Whether the log could not be read when it was last tried.
    pub(crate) fn is_log_away(&self) -> bool {
        lock(&self.log.0).is_some()
    }
}

impl Part {
    fn fails(&self, what: &str, why: &dyn Display) -> Duration {
        let mut since = lock(&self.0);
        if since.is_none() {
            tracing::warn!(%why, "the {what} cannot be used");
        }
        since.get_or_insert_with(Instant::now).elapsed()
    }

    /// Tells whether it did not before.
    fn works(&self, what: &str) -> bool {
        let Some(since) = lock(&self.0).take() else {
            return false;
        };
        let seconds = since.elapsed().as_secs_f64();
        tracing::info!(seconds, "the {what} can be used again");
        true
    }
}

fn lock(since: &Mutex<Option<Instant>>) -> MutexGuard<'_, Option<Instant>> {
    since.lock().unwrap_or_else(PoisonError::into_inner)
}
