//! The rows of a run of events.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::mem::take;

use countersign_domain::ids::{AccountId, KeyId, PartyId, SessionId};

use crate::parties::{PartyRows, Signers};
use crate::{AccountRow, KeyRow, Projection, SessionRow, TimelineEntry};

/// The rows that a run of events needs. Each is named once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Accounts.
    pub accounts: Vec<AccountId>,
    /// Keys.
    pub keys: Vec<KeyId>,
    /// Sessions.
    pub sessions: Vec<SessionId>,
    /// Parties.
    pub parties: Vec<PartyId>,
    /// Sessions whose rounds may run; the parties that sign in them are wanted too.
    pub running: Vec<SessionId>,
}

/// The wanted rows that exist.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// Accounts.
    pub accounts: HashMap<AccountId, AccountRow>,
    /// Keys.
    pub keys: HashMap<KeyId, KeyRow>,
    /// Sessions.
    pub sessions: HashMap<SessionId, SessionRow>,
    /// Parties, and the sessions whose rounds run.
    pub parties: PartyRows,
}

impl Wanted {
    /// Whether nothing is needed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The parties that are wanted by name, and those that sign in the sessions that
    /// are: who made a signature is known from there.
    pub(crate) fn parties_with(&self, running: &HashMap<SessionId, Signers>) -> Vec<PartyId> {
        let signers = running.values().flatten();
        let all: BTreeSet<_> = self.parties.iter().chain(signers).collect();
        all.into_iter().cloned().collect()
    }

    /// All that either wants; they are of different projections.
    pub(crate) fn extend(&mut self, other: Self) {
        self.accounts.extend(other.accounts);
        self.keys.extend(other.keys);
        self.sessions.extend(other.sessions);
        self.parties.extend(other.parties);
        self.running.extend(other.running);
    }
}

impl Loaded {
    /// Puts the rows of another projection in.
    pub(crate) fn put(&mut self, other: Self) {
        self.accounts.extend(other.accounts);
        self.keys.extend(other.keys);
        self.sessions.extend(other.sessions);
        self.parties.parties.extend(other.parties.parties);
        self.parties.running.extend(other.parties.running);
    }

    /// Takes the rows of one projection out.
    pub(crate) fn take(&mut self, projection: Projection) -> Self {
        let mut taken = Self::default();
        match projection {
            Projection::Accounts => taken.accounts = take(&mut self.accounts),
            Projection::Keys => taken.keys = take(&mut self.keys),
            Projection::Sessions => taken.sessions = take(&mut self.sessions),
            Projection::Parties => taken.parties = take(&mut self.parties),
            Projection::Timeline => {}
        }
        taken
    }
}

/// The rows as they change.
pub(super) struct Touched {
    pub(super) accounts: Rows<AccountId, AccountRow>,
    pub(super) keys: Rows<KeyId, KeyRow>,
    pub(super) sessions: Rows<SessionId, SessionRow>,
    pub(super) parties: PartyRows,
    pub(super) running_touched: HashSet<SessionId>,
    pub(super) timeline: HashMap<SessionId, Vec<TimelineEntry>>,
}

impl Touched {
    pub(super) fn new(loaded: Loaded) -> Self {
        Self {
            accounts: Rows::new(loaded.accounts),
            keys: Rows::new(loaded.keys),
            sessions: Rows::new(loaded.sessions),
            parties: loaded.parties,
            running_touched: HashSet::new(),
            timeline: HashMap::new(),
        }
    }
}

/// Rows of one kind.
pub(super) struct Rows<I, R> {
    loaded: HashMap<I, R>,
    touched: HashMap<I, Option<R>>,
}

impl<I: Eq + Hash, R> Rows<I, R> {
    fn new(loaded: HashMap<I, R>) -> Self {
        Self {
            loaded,
            touched: HashMap::new(),
        }
    }

    /// The row as it is now, to be changed.
    pub(super) fn row(&mut self, id: I) -> &mut Option<R> {
        let loaded = &mut self.loaded;
        match self.touched.entry(id) {
            Entry::Occupied(touched) => touched.into_mut(),
            Entry::Vacant(untouched) => {
                let row = loaded.remove(untouched.key());
                untouched.insert(row)
            }
        }
    }

    pub(super) fn changed(self) -> impl Iterator<Item = Box<R>> {
        self.touched.into_values().flatten().map(Box::new)
    }
}
