//! Waiting for the end of a session without asking again and again.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use uuid::Uuid;

/// Who waits for what. A sign session ends with itself, a key generation with its
/// key: what is waited for is the id of the one or the other.
///
/// The coordinator tells it what begins and ends, in the order of the log. So it knows
/// of what has begun whether this replica has yet to see its end.
#[derive(Debug, Default)]
pub(crate) struct Waiter(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<Uuid, Vec<oneshot::Sender<()>>>,
    /// What has begun and not ended, by what was seen of the log.
    open: HashSet<Uuid>,
    /// The last position that was seen.
    seen: u64,
}

/// Somebody who waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Resolves when the end is seen from now on.
    pub(crate) ended: oneshot::Receiver<()>,
    /// Whether the end was not seen yet. If not, it may have been, and nothing resolves.
    pub(crate) open: bool,
}

impl Waiter {
    /// Waits for the end of `id`, which began at the position `since`.
    pub(crate) fn register(&self, id: Uuid, since: u64) -> Waiting {
        let (sender, ended) = oneshot::channel();
        let mut state = self.lock();
        let senders = state.waiting.entry(id).or_default();
        // Those who went away do not pile up.
        senders.retain(|sender| !sender.is_closed());
        senders.push(sender);
        let open = state.seen < since || state.open.contains(&id);
        Waiting { ended, open }
    }

    /// The log is seen from after this position on. What was waited for may lie before
    /// it: whoever waits has to look.
    pub(crate) fn begin(&self, after: u64) {
        let mut state = self.lock();
        state.seen = after;
        state.open.clear();
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        wake(waiting.into_values().flatten());
    }

    /// `id` has begun.
    pub(crate) fn open(&self, id: Uuid) {
        self.lock().open.insert(id);
    }

    /// `id` has come to its end.
    pub(crate) fn resolve(&self, id: Uuid) {
        let mut state = self.lock();
        state.open.remove(&id);
        let waiting = state.waiting.remove(&id);
        drop(state);
        wake(waiting.into_iter().flatten());
    }

    /// The log was seen up to this position.
    pub(crate) fn saw(&self, position: u64) {
        self.lock().seen = position;
    }

    /// Forgets those who went away.
    pub(crate) fn sweep(&self) {
        self.lock().waiting.retain(|_, senders| {
            senders.retain(|sender| !sender.is_closed());
            !senders.is_empty()
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(senders: impl Iterator<Item = oneshot::Sender<()>>) {
    for sender in senders {
        // Who went away does not need to know.
        let _ = sender.send(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(1);

    fn waiting(waiter: &Waiter) -> usize {
        let state = waiter.lock();
        state.waiting.values().map(Vec::len).sum()
    }

    fn register(waiter: &Waiter, id: Uuid) -> oneshot::Receiver<()> {
        waiter.register(id, 1).ended
    }

    #[test]
    fn what_was_not_seen_to_end_is_open() {
        let waiter = Waiter::default();
        let is_open = |since| waiter.register(ID, since).open;
        waiter.begin(10);
        assert!(!is_open(10), "it began before, and may have ended");
        assert!(is_open(11), "its beginning is not seen yet");
        waiter.open(ID);
        waiter.saw(11);
        assert!(is_open(11));
        waiter.resolve(ID);
        assert!(!is_open(11));
    }

    #[test]
    fn where_seeing_begins_anew_whoever_waits_looks() {
        let waiter = Waiter::default();
        waiter.open(ID);
        let mut waiting = waiter.register(ID, 5);
        assert!(waiting.open && waiting.ended.try_recv().is_err());
        waiter.begin(20);
        assert!(waiting.ended.try_recv().is_ok());
        assert!(!waiter.register(ID, 5).open);
    }

    #[test]
    fn whoever_waits_is_woken_once_and_forgotten() {
        let waiter = Waiter::default();
        let (mut first, mut second) = (register(&waiter, ID), register(&waiter, ID));
        let mut other = register(&waiter, Uuid::from_u128(2));
        waiter.resolve(ID);
        assert!(first.try_recv().is_ok() && second.try_recv().is_ok());
        assert!(other.try_recv().is_err());
        assert_eq!(waiting(&waiter), 1);
    }

    #[test]
    fn those_who_went_away_are_forgotten_when_it_is_swept() {
        let waiter = Waiter::default();
        drop((register(&waiter, ID), register(&waiter, Uuid::from_u128(2))));
        let stays = register(&waiter, ID);
        waiter.sweep();
        assert_eq!(waiting(&waiter), 1);
        drop(stays);
        waiter.sweep();
        assert!(waiter.lock().waiting.is_empty());
    }

    #[test]
    fn those_who_come_and_go_again_and_again_do_not_pile_up() {
        let waiter = Waiter::default();
        for _ in 0..1000 {
            drop(register(&waiter, ID));
        }
        assert!(waiting(&waiter) <= 1);
    }
}
