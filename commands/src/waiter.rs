//! Waiting for the end of a session without asking again and again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;
use uuid::Uuid;

/// Who waits for what. A sign session ends with itself, a key generation with its
/// key: what is waited for is the id of the one or the other.
#[derive(Debug, Default)]
pub(crate) struct Waiter(Mutex<HashMap<Uuid, Vec<oneshot::Sender<()>>>>);

impl Waiter {
    /// Resolves when `id` has come to its end, as seen from now on.
    pub(crate) fn register(&self, id: Uuid) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let senders = waiting.entry(id).or_default();
        // Those who went away do not pile up.
        senders.retain(|sender| !sender.is_closed());
        senders.push(sender);
        receiver
    }

    /// `id` has come to its end.
    pub(crate) fn resolve(&self, id: Uuid) {
        let waiting = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
        for sender in waiting.into_iter().flatten() {
            // Who went away does not need to know.
            let _ = sender.send(());
        }
    }

    /// Forgets those who went away.
    pub(crate) fn sweep(&self) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, senders| {
            senders.retain(|sender| !sender.is_closed());
            !senders.is_empty()
        });
    }
}
