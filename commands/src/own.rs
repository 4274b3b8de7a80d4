//! What this replica appends itself.
//!
//! All replicas see all events, and each could do what follows from one. The one
//! that appended it does so at once; the others only when it stays undone.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use countersign_domain::decider::Decider as _;
use countersign_domain::session::Session;
use countersign_event_store::{Append, ExpectedVersion, NewEvent};

/// The events from which something follows, as aggregate id and version, from
/// before they are appended until the coordinator has seen them.
#[derive(Debug, Default)]
pub(crate) struct Own {
    events: Mutex<HashSet<(String, u64)>>,
    /// Whether somebody looks for them.
    kept: AtomicBool,
}

impl Own {
    /// Whether to keep what is marked; what was is forgotten when not.
    pub(crate) fn keep(&self, keep: bool) {
        self.kept.store(keep, Ordering::SeqCst);
        if !keep {
            self.lock().clear();
        }
    }

    /// Marks what is about to be appended. The mark must be there before the
    /// coordinator can see the event.
    pub(crate) fn mark(&self, append: &Append) -> Vec<(String, u64)> {
        if !self.kept.load(Ordering::SeqCst) {
            return vec![];
        }
        let mut marked = vec![];
        for stream in &append.streams {
            let after = match stream.expected {
                ExpectedVersion::NoStream => 0,
                ExpectedVersion::Exact(version) => version,
                ExpectedVersion::Any => continue,
            };
            if *stream.stream.aggregate_type != *Session::TYPE {
                continue;
            }
            for (event, version) in stream.events.iter().zip(after + 1..) {
                if has_consequences(event) {
                    marked.push((stream.stream.aggregate_id.to_string(), version));
                }
            }
        }
        if !marked.is_empty() {
            self.lock().extend(marked.iter().cloned());
        }
        marked
    }

    /// Takes marks back: the append came to nothing.
    pub(crate) fn unmark(&self, marked: &[(String, u64)]) {
        if marked.is_empty() {
            return;
        }
        let mut events = self.lock();
        for mark in marked {
            events.remove(mark);
        }
    }

    /// Whether this replica appended the event; told once.
    pub(crate) fn take(&self, aggregate_id: &str, version: u64) -> bool {
        let mut events = self.lock();
        !events.is_empty() && events.remove(&(aggregate_id.to_owned(), version))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<(String, u64)>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a session event brings invitations, or the end of an attempt.
fn has_consequences(event: &NewEvent) -> bool {
    matches!(
        event.event_type.as_str(),
        "SessionCreated"
            | "AttemptFailed"
            | "SessionCompleted"
            | "SessionFailed"
            | "SessionExpired"
            | "SessionCancelled"
    )
}
