//! What the events mean: whether each could follow, and was authorised.
//!
//! The state of every account and key is folded as the log goes by, and that of every
//! session until it ends. An event is checked against the state before it: the
//! domain's own decision is made again with what the event gives, and must come to
//! this event. Signatures are verified later, by the work that is handed back.

mod account;
mod intent;
mod key;
mod registration;
mod session;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use countersign_domain::account::Account;
use countersign_domain::decider::StoredEvent as _;
use countersign_domain::ids::{AccountId, KeyId, PartyId, SessionId};
use countersign_domain::key::Key;
use countersign_domain::session::{Session, SessionEvent};
use countersign_event_store::{Decoded, Envelope};
use uuid::Uuid;

use super::fault::Reason;
use super::jobs::Work;
use crate::source::PersonalKeyMap;
use session::{Children, Ended};

/// What was recorded so far.
#[derive(Default)]
pub(super) struct Meaning {
    accounts: HashMap<AccountId, Account>,
    keys: HashMap<KeyId, KeyEntry>,
    open: HashMap<SessionId, Session>,
    ended: HashMap<SessionId, Ended>,
    /// Commands that intents were used for.
    used: HashSet<Uuid>,
    /// Events that must come next, as they were recorded together with the last.
    next: VecDeque<Expected>,
    children: Arc<Children>,
    /// Keys to personal data, as far as they were given.
    personal: PersonalKeyMap,
    /// What became of the registrations.
    registrations: Registrations,
    /// Who holds which name, as far as registrations could be read.
    names: HashMap<(&'static str, String), AccountId>,
    /// Accounts whose registration is sealed and could not be opened.
    unopened: HashSet<AccountId>,
}

/// What became of the registrations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Registrations {
    /// In clear, as they were stored before they were sealed.
    pub(super) in_clear: u64,
    /// Sealed, and opened with the key that was given.
    pub(super) opened: u64,
    /// Sealed, not erased, and without a key.
    pub(super) sealed: u64,
    /// Accounts that were erased.
    pub(super) erased: u64,
    /// Those of them whose key was given even so.
    pub(super) erased_with_key: u64,
}

#[derive(Default)]
struct KeyEntry {
    key: Key,
    /// Who accused whom of cheating in its sessions.
    accused: BTreeSet<(PartyId, PartyId)>,
}

/// An event that must come next.
enum Expected {
    /// The session that generates a key, by the same intent.
    Generation(SessionId, String),
    /// An event of a session that follows from the one before.
    Event(SessionId, Box<SessionEvent>),
}

impl Expected {
    fn name(&self) -> &'static str {
        match self {
            Self::Generation(..) => "SessionCreated",
            Self::Event(_, event) => event.name(),
        }
    }
}

impl Meaning {
    /// Checks the next event.
    pub(super) fn take<P>(
        &mut self,
        envelope: &Envelope<P>,
        decoded: Decoded,
    ) -> Result<Option<Work>, Reason> {
        let at = envelope.recorded_at;
        if let Some(expected) = self.next.pop_front() {
            return self.take_expected(envelope, decoded, expected);
        }
        match decoded {
            Decoded::Account(id, event) => self.account(id, &event, at),
            Decoded::Key(id, event) => self.key(id, &event, at),
            Decoded::Session(id, event) => self.session(id, &event, at),
            Decoded::Other => Err(Reason::Undecodable("an aggregate of another kind".into())),
        }
    }

    fn take_expected<P>(
        &mut self,
        envelope: &Envelope<P>,
        decoded: Decoded,
        expected: Expected,
    ) -> Result<Option<Work>, Reason> {
        let missing = Reason::Missing(expected.name());
        let Decoded::Session(id, event) = decoded else {
            return Err(missing);
        };
        match (expected, &*event) {
            (Expected::Generation(of, intent), SessionEvent::SessionCreated { session })
                if of == id && session.intent == intent =>
            {
                self.generation(id, &event, envelope.recorded_at)
            }
            (Expected::Event(of, expected), found) if of == id && *expected == *found => {
                self.evolve(id, found);
                Ok(None)
            }
            _ => Err(missing),
        }
    }

    /// An event that must still come.
    pub(super) fn missing(&self) -> Option<&'static str> {
        self.next.front().map(Expected::name)
    }

    /// With keys to personal data.
    pub(super) fn with_personal_keys(self, personal: PersonalKeyMap) -> Self {
        Self { personal, ..self }
    }

    pub(super) fn registrations(&self) -> Registrations {
        self.registrations
    }

    pub(super) fn accounts(&self) -> u64 {
        self.accounts.len() as u64
    }

    pub(super) fn keys(&self) -> u64 {
        self.keys.len() as u64
    }

    pub(super) fn sessions(&self) -> u64 {
        (self.open.len() + self.ended.len()) as u64
    }
}

impl fmt::Debug for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meaning")
            .field("accounts", &self.accounts())
            .field("keys", &self.keys())
            .field("sessions", &self.sessions())
            .finish_non_exhaustive()
    }
}
