//! Lanes that are at the same place and read the log together: each page is read
//! and decoded once for all of them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use countersign_event_store::EventLog;
use futures::FutureExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::lane::Lane;
use super::pages::{Page, Pages};
use super::registry::Target;
use crate::StoreError;

/// How many pages may wait for a lane, so that a slow one does not hold up the
/// others at once.
const WAITING: usize = 2;

/// How a lane came to its end.
pub(super) type Ended = Result<Lane, (Target, StoreError)>;

/// Feeds pages to lanes, each of which works in a task of its own.
#[derive(Debug, Default)]
pub(super) struct Group {
    feeds: Vec<mpsc::Sender<Page>>,
    lanes: JoinSet<Ended>,
}

impl Group {
    /// Starts the lanes; `done` hears how far they come.
    pub(super) fn start(
        lanes: Vec<Lane>,
        done: impl FnMut(Target, u64) + Clone + Send + 'static,
    ) -> Self {
        let mut group = Self::default();
        for lane in lanes {
            let (feed, pages) = mpsc::channel(WAITING);
            group.feeds.push(feed);
            let target = lane.target;
            let work = AssertUnwindSafe(lane.work(pages, done.clone())).catch_unwind();
            group.lanes.spawn(async move {
                let ended = work.await;
                ended.unwrap_or_else(|_| Err((target, panicked())))
            });
        }
        group
    }

    /// Hands a page to every lane that still works; false when none does.
    pub(super) async fn feed(&mut self, page: &Page) -> bool {
        let mut working = vec![];
        for feed in self.feeds.drain(..) {
            if feed.send(page.clone()).await.is_ok() {
                working.push(feed);
            }
        }
        self.feeds = working;
        !self.feeds.is_empty()
    }

    /// The next lane that ends; none when all have.
    pub(super) async fn ended(&mut self) -> Option<Ended> {
        loop {
            // Only one that was aborted has nothing to say.
            if let Ok(ended) = self.lanes.join_next().await? {
                return Some(ended);
            }
        }
    }

    /// Lets the lanes finish what they have been handed, and returns them.
    pub(super) async fn finish(mut self) -> Result<Vec<Lane>, StoreError> {
        self.feeds.clear();
        let mut lanes = vec![];
        while let Some(ended) = self.ended().await {
            lanes.push(ended.map_err(|(_, error)| error)?);
        }
        Ok(lanes)
    }
}

/// The panic itself has been told where it happened.
fn panicked() -> StoreError {
    StoreError::Storage {
        operation: "folding events",
        source: Arc::new(std::io::Error::other("a panic")),
    }
}

/// Follows the log with these lanes, which are at `after`, and tells of each that
/// fails. It ends when none is left, or the log is closed (then with true).
pub(super) async fn follow(
    log: Arc<dyn EventLog>,
    after: u64,
    lanes: Vec<Lane>,
    done: impl FnMut(Target, u64) + Clone + Send + 'static,
    failed: mpsc::UnboundedSender<(Target, StoreError)>,
) -> bool {
    let mut pages = Pages::follow(log, after);
    let mut group = Group::start(lanes, done);
    loop {
        tokio::select! {
            page = pages.next() => match page {
                Some(page) => {
                    group.feed(&page).await;
                }
                None => {
                    let _ = group.finish().await;
                    return true;
                }
            },
            ended = group.ended() => match ended {
                Some(Err(failure)) => drop(failed.send(failure)),
                Some(Ok(_)) => {}
                None => return false,
            },
        }
    }
}
