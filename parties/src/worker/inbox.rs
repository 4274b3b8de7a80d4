//! What has come for one session and was not looked at yet.
//!
//! Frames are kept by attempt, bounded; everything else is a state that the
//! newest news overwrites, so no flood of events makes it grow.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_domain::ids::PartyId;
use countersign_messaging::Payload;
use tokio::sync::Notify;

use super::verify::Accepted;

/// The most frames that one step takes up: it bounds how long a step is.
const BATCH: usize = 64;

/// The start of an attempt, as the log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) attempt: u32,
    /// By index.
    pub(super) signers: Vec<PartyId>,
}

/// Bytes of frames in all inboxes of a worker.
#[derive(Debug)]
pub(super) struct Budget {
    used: AtomicUsize,
    most: usize,
}

impl Budget {
    pub(super) fn new(most: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            most,
        }
    }

    fn take(&self, bytes: usize) -> bool {
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.most);
        self.used
            .try_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The inbox of a session. Many write, the session's task reads.
pub(super) struct Inbox {
    state: Mutex<State>,
    wake: Notify,
    budget: Arc<Budget>,
    most_frames: usize,
}

#[derive(Default)]
struct State {
    frames: VecDeque<(u32, Payload)>,
    start: Option<Start>,
    /// Attempts up to this one have failed.
    failed: u32,
    ended: bool,
    invitation: Option<Box<Accepted>>,
}

impl Inbox {
    pub(super) fn new(budget: Arc<Budget>, most_frames: usize) -> Self {
        Self {
            state: Mutex::default(),
            wake: Notify::new(),
            budget,
            most_frames,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a single assignment or push.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a frame in; false when it had to be dropped.
    pub(super) fn frame(&self, attempt: u32, payload: Payload) -> bool {
        let kept = {
            let mut state = self.state();
            let wanted = !state.ended && attempt > state.failed;
            let kept =
                wanted && state.frames.len() < self.most_frames && self.budget.take(payload.len());
            if kept {
                state.frames.push_back((attempt, payload));
            }
            kept
        };
        if kept {
            self.wake.notify_one();
        }
        kept
    }

    /// An attempt starts.
    pub(super) fn start(&self, start: Start) {
        {
            let mut state = self.state();
            let newest = state.start.as_ref().map_or(0, |start| start.attempt);
            if start.attempt <= newest {
                return;
            }
            state.start = Some(start);
        }
        self.wake.notify_one();
    }

    /// An attempt failed, and all before it.
    pub(super) fn fail(&self, attempt: u32) {
        {
            let mut state = self.state();
            state.failed = state.failed.max(attempt);
        }
        self.wake.notify_one();
    }

    /// The session is over.
    pub(super) fn end(&self) {
        self.state().ended = true;
        self.wake.notify_one();
    }

    /// It was invited again.
    pub(super) fn invite(&self, accepted: Box<Accepted>) {
        self.state().invitation = Some(accepted);
        self.wake.notify_one();
    }

    /// Waits for news. News that came since the last call count.
    pub(super) async fn news(&self) {
        self.wake.notified().await;
    }

    pub(super) fn ended(&self) -> bool {
        self.state().ended
    }

    /// The newest start, if it is of an attempt after `attempt` and still stands.
    pub(super) fn start_after(&self, attempt: u32) -> Option<Start> {
        let state = self.state();
        let start = state.start.as_ref()?;
        (start.attempt > attempt.max(state.failed)).then(|| start.clone())
    }

    /// Whether `attempt` is over: it failed, or a later one started.
    pub(super) fn is_over(&self, attempt: u32) -> bool {
        let state = self.state();
        let newest = state.start.as_ref().map_or(0, |start| start.attempt);
        state.ended || state.failed >= attempt || newest > attempt
    }

    pub(super) fn take_invitation(&self) -> Option<Box<Accepted>> {
        self.state().invitation.take()
    }

    /// Frames of `attempt`, a batch of the oldest. Those of attempts before it are
    /// dropped, those of later ones stay.
    pub(super) fn take_frames(&self, attempt: u32) -> Vec<Payload> {
        let mut taken = Vec::new();
        let mut released = 0;
        {
            let mut state = self.state();
            let mut kept = VecDeque::new();
            while let Some((of, payload)) = state.frames.pop_front() {
                if of > attempt || (of == attempt && taken.len() >= BATCH) {
                    kept.push_back((of, payload));
                    continue;
                }
                released += payload.len();
                if of == attempt {
                    taken.push(payload);
                }
            }
            state.frames = kept;
        }
        self.budget.give_back(released);
        taken
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let left = self
            .state()
            .frames
            .iter()
            .map(|(_, frame)| frame.len())
            .sum();
        self.budget.give_back(left);
    }
}
