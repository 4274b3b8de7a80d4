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

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(1);

    fn waiting(waiter: &Waiter) -> usize {
        let waiting = waiter.0.lock().expect("not poisoned");
        waiting.values().map(Vec::len).sum()
    }

    #[test]
    fn whoever_waits_is_woken_once_and_forgotten() {
        let waiter = Waiter::default();
        let (mut first, mut second) = (waiter.register(ID), waiter.register(ID));
        let mut other = waiter.register(Uuid::from_u128(2));
        waiter.resolve(ID);
        assert!(first.try_recv().is_ok() && second.try_recv().is_ok());
        assert!(other.try_recv().is_err());
        assert_eq!(waiting(&waiter), 1);
    }

    #[test]
    fn those_who_went_away_are_forgotten_when_it_is_swept() {
        let waiter = Waiter::default();
        drop((waiter.register(ID), waiter.register(Uuid::from_u128(2))));
        let stays = waiter.register(ID);
        waiter.sweep();
        assert_eq!(waiting(&waiter), 1);
        drop(stays);
        waiter.sweep();
        assert!(waiter.0.lock().expect("not poisoned").is_empty());
    }

    #[test]
    fn those_who_come_and_go_again_and_again_do_not_pile_up() {
        let waiter = Waiter::default();
        for _ in 0..1000 {
            drop(waiter.register(ID));
        }
        assert!(waiting(&waiter) <= 1);
    }
}
