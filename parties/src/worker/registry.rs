//! The sessions in memory, and how what arrives finds them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use countersign_domain::ids::SessionId;
use countersign_messaging::Payload;

use super::inbox::{Budget, Inbox, Start};
use super::limits::Limits;
use super::verify::Accepted;

/// All sessions of a worker. Bounded; see [`Limits`].
pub(super) struct Registry {
    sessions: Mutex<HashMap<SessionId, Arc<Inbox>>>,
    /// Starts without a session, the oldest first.
    early: Mutex<VecDeque<Early>>,
    budget: Arc<Budget>,
    limits: Limits,
}

struct Early {
    session: SessionId,
    start: Start,
    at: Instant,
}

/// What became of an accepted invitation.
pub(super) enum Registered {
    /// A session of its own, which lasts as long as this registration.
    New(Registration),
    /// The session is in memory already and was told.
    Known,
    /// There is no room.
    Full,
}

/// Takes the session out of memory when it is dropped.
pub(super) struct Registration {
    registry: Arc<Registry>,
    session: SessionId,
    pub(super) inbox: Arc<Inbox>,
    pub(super) accepted: Arc<Accepted>,
}

impl Registry {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            sessions: Mutex::default(),
            early: Mutex::default(),
            budget: Arc::new(Budget::new(limits.buffered_bytes)),
            limits: limits.clone(),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Inbox>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn early(&self) -> MutexGuard<'_, VecDeque<Early>> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for an accepted invitation's frames, before anybody can send
    /// one: peers start no sooner than this party has said that it is ready.
    pub(super) fn register(self: &Arc<Self>, accepted: Box<Accepted>) -> Registered {
        let session = accepted.session;
        let inbox = {
            let mut sessions = self.sessions();
            if let Some(inbox) = sessions.get(&session) {
                inbox.invite(accepted);
                return Registered::Known;
            }
            if sessions.len() >= self.limits.sessions {
                return Registered::Full;
            }
            let budget = Arc::clone(&self.budget);
            let inbox = Arc::new(Inbox::new(budget, self.limits.frames_per_session));
            sessions.insert(session, Arc::clone(&inbox));
            inbox
        };
        if let Some(start) = self.take_early(session) {
            inbox.start(start);
        }
        Registered::New(Registration {
            registry: Arc::clone(self),
            session,
            inbox,
            accepted: Arc::from(accepted),
        })
    }

    /// The inbox of a session.
    pub(super) fn get(&self, session: SessionId) -> Option<Arc<Inbox>> {
        self.sessions().get(&session).cloned()
    }

    /// A frame came; false when it was dropped.
    pub(super) fn frame(&self, session: SessionId, attempt: u32, payload: Payload) -> bool {
        self.get(session)
            .is_some_and(|inbox| inbox.frame(attempt, payload))
    }

    /// An attempt of a session starts that has no invitation yet: the two travel
    /// on different subjects. False when an older one had to make room.
    pub(super) fn start_early(&self, session: SessionId, start: Start) -> bool {
        let now = Instant::now();
        let mut early = self.early();
        let age = self.limits.early_start_age;
        early.retain(|known| known.session != session && now.duration_since(known.at) < age);
        let full = early.len() >= self.limits.early_starts;
        if full {
            early.pop_front();
        }
        early.push_back(Early {
            session,
            start,
            at: now,
        });
        drop(early);
        // The invitation may have come in between.
        if let Some(inbox) = self.get(session)
            && let Some(start) = self.take_early(session)
        {
            inbox.start(start);
        }
        !full
    }

    /// A session that is not in memory is over.
    pub(super) fn forget_early(&self, session: SessionId) {
        self.early().retain(|known| known.session != session);
    }

    fn take_early(&self, session: SessionId) -> Option<Start> {
        let mut early = self.early();
        let place = early.iter().position(|known| known.session == session)?;
        early.remove(place).map(|known| known.start)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.sessions().remove(&self.session);
    }
}
