//! The process manager: from what happened to what must happen next.
//!
//! It is fed every session and key event of the log, in order, and holds what is
//! still owed: invitations, deadlines, and the commands to keys that follow from
//! the end of a session. It decides nothing twice: what it owes is settled by
//! the event that answers it, so any replica can run it, also after a restart.
//!
//! It need not read the whole log for that. A session that is over, and to whose
//! key nothing is owed, leaves nothing behind but the bans that its key has: not
//! to know of one only means to owe it again, which the key answers with no event.
//! So a process manager that begins with the creation of the oldest session that
//! is not so settled, [`ProcessManager::unsettled_since`], does what one does that
//! has read everything.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::Duration;

use crate::Timestamp;
use crate::decider::Decider as _;
use crate::ids::{KeyId, PartyId, SessionId};
use crate::key::{KeyCommand, KeyEvent, ordered_pair};
use crate::session::{
    AttemptFailure, Session, SessionEvent, SessionKind, SessionState, SessionStatus,
};

/// A session command that is due by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// The attempt's deadline passed.
    AttemptTimedOut {
        /// The session.
        session: SessionId,
        /// The attempt.
        attempt: u32,
    },
    /// The session's deadline passed.
    Expire {
        /// The session.
        session: SessionId,
    },
}

/// An invitation that is owed: this party is awaited and has not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The session.
    pub session: SessionId,
    /// The attempt it is for.
    pub attempt: u32,
    /// Who is awaited.
    pub party: PartyId,
}

/// A command to a key that follows from a session.
#[derive(Debug, Clone)]
pub struct FollowUp {
    /// The key.
    pub key: KeyId,
    /// The session that it follows from.
    pub session: SessionId,
    /// The command.
    pub command: KeyCommand,
    /// Position of the session's creation.
    pub since: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Owed {
    Activation(KeyId),
    Retirement(KeyId),
    Ban(KeyId, (PartyId, PartyId)),
}

#[derive(Debug)]
struct Open {
    session: Session,
    deadline: Timestamp,
    /// Position of its creation.
    since: u64,
}

impl Open {
    fn is_running(&self) -> bool {
        let state = self.session.state();
        state.is_some_and(|state| state.status == SessionStatus::InProgress)
    }
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct ProcessManager {
    open: HashMap<SessionId, Open>,
    /// How many of them are in progress.
    running: usize,
    deadlines: BTreeSet<(Timestamp, SessionId)>,
    owed: BTreeMap<Owed, FollowUp>,
    /// Bans that the keys have already: a key answers a second one with no event.
    banned: BTreeSet<(KeyId, (PartyId, PartyId))>,
}

impl ProcessManager {
    /// Takes a session event that the log recorded at `at`, at `position`.
    pub fn observe_session(
        &mut self,
        id: SessionId,
        event: &SessionEvent,
        at: Timestamp,
        position: u64,
    ) {
        let (mut session, deadline, since) = match self.close(id) {
            Some(open) => (open.session, Some(open.deadline), open.since),
            None if matches!(event, SessionEvent::SessionCreated { .. }) => {
                (Session::default(), None, position)
            }
            None => return,
        };
        session.evolve(event);
        let Some(state) = session.state() else {
            return;
        };
        self.owe_bans(id, state, event, since);
        if state.status.is_final() {
            self.owe_end(id, state, event, since);
            return;
        }
        let patience = match state.status {
            SessionStatus::InProgress => state.asked.attempt_timeout_ms,
            _ => state.asked.ready_timeout_ms,
        };
        let restarts = matches!(
            event,
            SessionEvent::SessionCreated { .. }
                | SessionEvent::SessionStarted { .. }
                | SessionEvent::AttemptFailed { .. }
        );
        let deadline = match deadline {
            Some(running) if !restarts => running,
            _ => (at + Duration::milliseconds(patience.into())).min(state.asked.expires_at),
        };
        self.deadlines.insert((deadline, id));
        let open = Open {
            session,
            deadline,
            since,
        };
        self.running += usize::from(open.is_running());
        self.open.insert(id, open);
    }

    /// Takes a key event: it may settle what is owed.
    pub fn observe_key(&mut self, key: KeyId, event: &KeyEvent) {
        match event {
            KeyEvent::KeyActivated { .. } => {
                self.owed.remove(&Owed::Activation(key));
            }
            KeyEvent::KeyRetired { .. } => self.settle_all(key),
            KeyEvent::PairBanned { reporter, culprit } => {
                let pair = ordered_pair(reporter, culprit);
                self.banned.insert((key, pair.clone()));
                self.owed.remove(&Owed::Ban(key, pair));
            }
            _ => {}
        }
    }

    /// Drops all that is owed to a key, once it is retired or refuses for good.
    pub fn settle_all(&mut self, key: KeyId) {
        self.owed.retain(|_, follow_up| follow_up.key != key);
    }

    /// Drops a follow-up that its key refused for good.
    pub fn settle(&mut self, follow_up: &FollowUp) {
        self.owed.remove(&Owed::of(follow_up));
    }

    /// The commands to keys that are owed.
    #[must_use]
    pub fn follow_ups(&self) -> Vec<FollowUp> {
        self.owed.values().cloned().collect()
    }

    /// The keys to which something is owed that follows from a session.
    #[must_use]
    pub fn follow_ups_of(&self, session: SessionId) -> Vec<KeyId> {
        let owed = self.owed.values();
        owed.filter(|follow_up| follow_up.session == session)
            .map(|follow_up| follow_up.key)
            .collect()
    }

    /// The session commands that are due at `now`.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Vec<Due> {
        self.deadlines
            .iter()
            .take_while(|(at, _)| *at <= now)
            .filter_map(|(_, session)| {
                let session = *session;
                let state = self.open.get(&session)?.session.state()?;
                Some(if state.asked.expires_at <= now {
                    Due::Expire { session }
                } else {
                    Due::AttemptTimedOut {
                        session,
                        attempt: state.attempt,
                    }
                })
            })
            .collect()
    }

    /// When something is due next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Whether `session` is open, and its state.
    #[must_use]
    pub fn session(&self, session: SessionId) -> Option<&SessionState> {
        self.open
            .get(&session)
            .and_then(|open| open.session.state())
    }

    /// The invitations of one session that are owed.
    #[must_use]
    pub fn invitations(&self, session: SessionId) -> Vec<Invitation> {
        let Some(state) = self.session(session) else {
            return vec![];
        };
        if state.status == SessionStatus::InProgress {
            return vec![];
        }
        state
            .unready()
            .map(|party| Invitation {
                session,
                attempt: state.attempt,
                party: party.clone(),
            })
            .collect()
    }

    /// All open sessions.
    pub fn open_sessions(&self) -> impl Iterator<Item = SessionId> {
        self.open.keys().copied()
    }

    /// How many sessions are in progress.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running
    }

    /// Position of the creation of the oldest session that is open or to whose key
    /// something is owed; none when all is settled.
    #[must_use]
    pub fn unsettled_since(&self) -> Option<u64> {
        let open = self.open.values().map(|open| open.since);
        let owed = self.owed.values().map(|follow_up| follow_up.since);
        open.chain(owed).min()
    }

    fn close(&mut self, id: SessionId) -> Option<Open> {
        let open = self.open.remove(&id)?;
        self.deadlines.remove(&(open.deadline, id));
        self.running -= usize::from(open.is_running());
        Some(open)
    }

    fn owe_bans(
        &mut self,
        session: SessionId,
        state: &SessionState,
        event: &SessionEvent,
        since: u64,
    ) {
        if let SessionEvent::AttemptFailed {
            reason: AttemptFailure::Cheating,
            reporter: Some(reporter),
            culprits,
            ..
        } = event
        {
            let key = state.asked.key;
            for culprit in culprits.iter().filter(|party| *party != reporter) {
                if self
                    .banned
                    .contains(&(key, ordered_pair(reporter, culprit)))
                {
                    continue;
                }
                self.owe(FollowUp {
                    key,
                    session,
                    command: KeyCommand::BanPair {
                        reporter: reporter.clone(),
                        culprit: culprit.clone(),
                    },
                    since,
                });
            }
        }
    }

    fn owe_end(
        &mut self,
        session: SessionId,
        state: &SessionState,
        event: &SessionEvent,
        since: u64,
    ) {
        if state.asked.kind != SessionKind::Keygen {
            return;
        }
        let key = state.asked.key;
        let command = if state.status == SessionStatus::Completed {
            KeyCommand::Activate {
                receipts: state.receipts(),
            }
        } else {
            let reason = match event {
                SessionEvent::SessionFailed { detail, .. } => detail.clone(),
                _ => format!("its generation was {}", state.status),
            };
            KeyCommand::Retire { reason }
        };
        self.owe(FollowUp {
            key,
            session,
            command,
            since,
        });
    }

    fn owe(&mut self, follow_up: FollowUp) {
        self.owed.insert(Owed::of(&follow_up), follow_up);
    }
}

impl Owed {
    fn of(follow_up: &FollowUp) -> Self {
        match &follow_up.command {
            KeyCommand::BanPair { reporter, culprit } => {
                Self::Ban(follow_up.key, ordered_pair(reporter, culprit))
            }
            KeyCommand::Retire { .. } => Self::Retirement(follow_up.key),
            _ => Self::Activation(follow_up.key),
        }
    }
}
