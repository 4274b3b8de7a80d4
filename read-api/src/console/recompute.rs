//! Makes the root of the log again, to be compared with one that was signed. What was
//! made is kept, and gone on with at the next look.

use countersign_audit::{Frontier, Hash};
use countersign_console::audit::Recomputed;
use countersign_event_store::{EventLog, LogError};
use tokio::sync::Mutex;

/// How many events are taken at one look: hashing them takes a moment.
const MOST: u64 = 10_000;

/// How many are read at once.
const PAGE: u64 = 1000;

/// The tree so far.
#[derive(Debug, Default)]
pub(crate) struct Recomputer(Mutex<Tree>);

#[derive(Debug, Default)]
struct Tree {
    frontier: Frontier,
    /// The newest root that was asked for, with the size of its tree.
    made: Option<(u64, Hash)>,
}

impl Recomputer {
    /// Compares the root of the first `size` events with one that was signed.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(super) async fn compare(
        &self,
        log: &dyn EventLog,
        size: u64,
        signed: Hash,
    ) -> Result<Recomputed, LogError> {
        let mut tree = self.0.lock().await;
        if tree.made.is_none_or(|(made, _)| made != size) {
            if tree.frontier.size() > size {
                *tree = Tree::default();
            }
            tree.advance(log, size).await?;
            if tree.frontier.size() < size {
                return Ok(Recomputed::Underway(tree.frontier.size()));
            }
            tree.made = Some((size, tree.frontier.root()));
        }
        Ok(match tree.made {
            Some((_, root)) if root == signed => Recomputed::Agrees,
            _ => Recomputed::Differs,
        })
    }
}

impl Tree {
    async fn advance(&mut self, log: &dyn EventLog, size: u64) -> Result<(), LogError> {
        let until = size.min(self.frontier.size() + MOST);
        while self.frontier.size() < until {
            let after = self.frontier.size();
            let limit = usize::try_from(PAGE.min(until - after)).unwrap_or(usize::MAX);
            let page = log.read_all(after, limit).await?;
            if page.is_empty() {
                break;
            }
            for event in page {
                self.frontier.push(event.hash());
            }
        }
        Ok(())
    }
}
