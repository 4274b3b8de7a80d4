//! Commands to one session, one at a time in a replica.
//!
//! All parties of a session speak at the same instant. Each of them would be
//! decided on a state that another is just changing, and all but one made again,
//! time after time. Appends assert versions all the same: other replicas do not
//! queue here.

use countersign_domain::ids::SessionId;
use tokio::sync::{Mutex, MutexGuard};

/// How many queues there are; a few sessions share one.
const QUEUES: usize = 1024;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Turns(Vec<Mutex<()>>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..QUEUES).map(|_| Mutex::default()).collect())
    }
}

impl Turns {
    /// Waits for the session's turn, which ends when the guard is dropped.
    pub(crate) async fn take(&self, session: SessionId) -> MutexGuard<'_, ()> {
        let [first, second, ..] = *session.0.as_bytes();
        let queue = usize::from(u16::from_be_bytes([first, second])) % QUEUES;
        self.0[queue].lock().await
    }
}
