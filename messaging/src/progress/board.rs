//! The board that shows where every party of a session is.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_domain::Timestamp;
use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::roster::Roster;
use serde::Serialize;
use tokio::sync::watch;

use super::{Phase, Progress, ProgressError};
use crate::bus::{Bus, BusError};
use crate::subject;

/// Sessions that a [`ProgressBoard`] remembers unless told otherwise.
pub const CAPACITY: usize = 1024;

/// Steps of a session that a [`ProgressBoard`] remembers.
pub const STEPS: usize = 512;

/// Where a party is in a session, as the board knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartyProgress {
    /// The party.
    pub party: PartyId,
    /// The attempt.
    pub attempt: u32,
    /// How far it is.
    pub phase: Phase,
    /// Since when, by its clock.
    pub at: Timestamp,
}

/// The latest progress of the sessions heard of most recently.
#[derive(Debug)]
pub struct ProgressBoard {
    roster: Arc<Roster>,
    capacity: usize,
    sessions: Mutex<Sessions>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Sessions {
    by_id: HashMap<SessionId, Board>,
    /// Sessions by when they were last heard of, the longest ago first.
    by_use: BTreeMap<u64, SessionId>,
    uses: u64,
}

#[derive(Debug, Default)]
struct Board {
    used: u64,
    parties: BTreeMap<PartyId, PartyProgress>,
    /// What was heard, the longest ago first.
    steps: VecDeque<PartyProgress>,
}

impl ProgressBoard {
    /// A board of [`CAPACITY`] sessions.
    #[must_use]
    pub fn new(roster: Arc<Roster>) -> Self {
        Self::with_capacity(roster, CAPACITY)
    }

    /// A board of `capacity` sessions, at least one.
    #[must_use]
    pub fn with_capacity(roster: Arc<Roster>, capacity: usize) -> Self {
        Self {
            roster,
            capacity: capacity.max(1),
            sessions: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Takes a progress message, as bytes off the bus.
    ///
    /// # Errors
    /// [`ProgressError`] when it was dropped, and why.
    pub fn observe(&self, bytes: &[u8]) -> Result<(), ProgressError> {
        let progress = Progress::open(bytes, &self.roster)?;
        self.sessions().put(progress, self.capacity)?;
        self.changes.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Follows the progress of all sessions on the bus until it shuts down.
    ///
    /// # Errors
    /// [`BusError`] when it cannot subscribe.
    pub async fn follow(&self, bus: &dyn Bus) -> Result<(), BusError> {
        let mut messages = bus.subscribe(&subject::progress_all()).await?;
        while let Some(message) = messages.next().await {
            if let Err(error) = self.observe(&message.payload) {
                tracing::debug!(%error, "progress dropped");
            }
        }
        Ok(())
    }

    /// Where the parties of a session are, by name; empty when nothing is known.
    #[must_use]
    pub fn of(&self, session: SessionId) -> Vec<PartyProgress> {
        self.sessions()
            .by_id
            .get(&session)
            .map(|board| board.parties.values().cloned().collect())
            .unwrap_or_default()
    }

    /// Every step of a session that was heard of, in the order in which it was heard;
    /// the last [`STEPS`] of them. Empty when the session was not heard of, or too many
    /// others were since.
    #[must_use]
    pub fn steps(&self, session: SessionId) -> Vec<PartyProgress> {
        let sessions = self.sessions();
        let board = sessions.by_id.get(&session);
        board
            .map(|board| board.steps.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// Wakes on every progress taken.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    fn put(&mut self, progress: Progress, capacity: usize) -> Result<(), ProgressError> {
        let Progress {
            session,
            attempt,
            party,
            phase,
            at,
        } = progress;
        let board = self.by_id.entry(session).or_default();
        let known = board.parties.get(&party);
        if known.is_some_and(|known| (known.attempt, known.phase, known.at) >= (attempt, phase, at))
        {
            return Err(ProgressError::Old(party));
        }
        let step = PartyProgress {
            party: party.clone(),
            attempt,
            phase,
            at,
        };
        if board.steps.len() >= STEPS {
            board.steps.pop_front();
        }
        board.steps.push_back(step.clone());
        board.parties.insert(party, step);
        self.by_use.remove(&board.used);
        self.uses += 1;
        board.used = self.uses;
        self.by_use.insert(self.uses, session);
        if self.by_id.len() > capacity
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.by_id.remove(&oldest);
        }
        Ok(())
    }
}
