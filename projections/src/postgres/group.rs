//! Lanes that are at the same place and read the log together: each page is read
//! and decoded once for all of them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use countersign_event_store::EventLog;
use futures::FutureExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::lane::{Lane, SMALL};
use super::pages::{Page, Pages};
use super::registry::Target;
use crate::StoreError;

/// A lane that failed, and why.
type Failure = (Target, StoreError);

/// Takes pages with lanes, of which those that fail leave.
#[derive(Debug)]
struct Group {
    lanes: Vec<Lane>,
}

impl Group {
    /// Folds a page into every lane; tells which have failed.
    async fn take(&mut self, page: &Page) -> Vec<Failure> {
        if page.len() <= SMALL && self.lanes.len() > 1 {
            let together = AssertUnwindSafe(Lane::take_together(&mut self.lanes, page));
            match together.catch_unwind().await {
                Ok(Ok(true)) => return vec![],
                Ok(Ok(false)) => {}
                Ok(Err(error)) => tracing::debug!(%error, "a page is not taken together"),
                Err(_) => tracing::debug!("a page is not taken together, after a panic"),
            }
            // Whose fault it was shows when each takes it by itself.
        }
        self.take_each(page).await
    }

    /// Folds a page into every lane by itself, side by side.
    async fn take_each(&mut self, page: &Page) -> Vec<Failure> {
        let mut working = JoinSet::new();
        for lane in self.lanes.drain(..) {
            working.spawn(take(lane, page.clone()));
        }
        let mut failures = vec![];
        while let Some(ended) = working.join_next().await {
            match ended {
                Ok(Ok(lane)) => self.lanes.push(lane),
                Ok(Err(failure)) => failures.push(failure),
                // Only one that was aborted has nothing to say.
                Err(_) => {}
            }
        }
        failures
    }
}

async fn take(mut lane: Lane, page: Page) -> Result<Lane, Failure> {
    let target = lane.target;
    match AssertUnwindSafe(lane.take(&page)).catch_unwind().await {
        Ok(Ok(())) => Ok(lane),
        Ok(Err(error)) => Err((target, error)),
        Err(_) => Err((target, panicked())),
    }
}

/// The panic itself has been told where it happened.
fn panicked() -> StoreError {
    StoreError::Storage {
        operation: "folding events",
        source: Arc::new(std::io::Error::other("a panic")),
    }
}

/// Follows the log with these lanes, which are at `after`, and tells of each how far
/// it comes and that it failed. It ends when none is left, or the log is closed (then
/// with true).
pub(super) async fn follow(
    log: Arc<dyn EventLog>,
    after: u64,
    lanes: Vec<Lane>,
    mut done: impl FnMut(Target, u64) + Send,
    failed: mpsc::UnboundedSender<Failure>,
) -> bool {
    let mut pages = Pages::follow(log, after);
    let mut group = Group { lanes };
    while let Some(page) = pages.next().await {
        for failure in group.take(&page).await {
            // Nobody hears it when the projector ends.
            let _ = failed.send(failure);
        }
        if group.lanes.is_empty() {
            return false;
        }
        for lane in &group.lanes {
            done(lane.target, lane.position());
        }
    }
    true
}
