//! What takes long and hangs on nothing that comes later: signatures.

use countersign_event_store::Envelope;
use rayon::prelude::*;

use super::fault::{Fault, FaultyEvent, Reason};

/// Verifies what was signed for an event, and returns how many signatures that were.
pub(super) type Work = Box<dyn FnOnce() -> Result<u64, Reason> + Send>;

/// The signatures of an event.
pub(super) struct Job {
    position: u64,
    event: FaultyEvent,
    work: Work,
}

impl Job {
    pub(super) fn new<P>(envelope: &Envelope<P>, work: Work) -> Self {
        Self {
            position: envelope.position,
            event: envelope.into(),
            work,
        }
    }
}

/// Does all of them, on all cores, and returns how many signatures were verified, or
/// the fault of the first event that has one.
pub(super) fn run(jobs: Vec<Job>) -> Result<u64, Fault> {
    let done: Vec<_> = jobs
        .into_par_iter()
        .map(|job| {
            let Job {
                position,
                event,
                work,
            } = job;
            work().map_err(|reason| Fault {
                position,
                event: Some(Box::new(event)),
                reason,
            })
        })
        .collect();
    done.into_iter().sum()
}
