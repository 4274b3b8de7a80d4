//! Rows that are kept back while they may still change.
//!
//! A row is written when it is settled or nothing has happened to it for the longest
//! time: most rows are written once, and never read again.

use std::collections::HashSet;

use countersign_domain::ids::{AccountId, KeyId, PartyId, SessionId};
use lru::LruCache;
use uuid::Uuid;

use crate::timeline;
use crate::{Change, Loaded, Wanted};

/// Names a row within a projection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name {
    Row(Uuid),
    Party(PartyId),
    /// A session whose rounds run.
    Running(Uuid),
}

/// A row that is kept back no longer.
#[derive(Debug)]
pub(super) enum Leaving {
    /// The table does not have it.
    New(Change),
    /// The table has it as it was before.
    Old(Change),
}

/// The rows of one projection.
#[derive(Debug)]
pub(super) struct Held {
    rows: LruCache<Name, Change>,
    /// Those that the table has as they were before.
    old: HashSet<Name>,
    capacity: usize,
}

impl Held {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            rows: LruCache::unbounded(),
            old: HashSet::new(),
            capacity,
        }
    }

    /// Takes the wanted rows out, and tells which are not here.
    pub(super) fn take(&mut self, wanted: Wanted) -> (Loaded, Wanted) {
        let (mut found, mut missing) = (Loaded::default(), Wanted::default());
        for id in wanted.accounts {
            match self.rows.pop(&Name::Row(id.0)) {
                Some(Change::UpsertAccount(row)) => drop(found.accounts.insert(id, *row)),
                _ => missing.accounts.push(id),
            }
        }
        for id in wanted.keys {
            match self.rows.pop(&Name::Row(id.0)) {
                Some(Change::UpsertKey(row)) => drop(found.keys.insert(id, *row)),
                _ => missing.keys.push(id),
            }
        }
        for id in wanted.sessions {
            match self.rows.pop(&Name::Row(id.0)) {
                Some(Change::UpsertSession(row)) => drop(found.sessions.insert(id, *row)),
                _ => missing.sessions.push(id),
            }
        }
        for id in wanted.running {
            match self.rows.pop(&Name::Running(id.0)) {
                Some(Change::SetRunning(_, Some(signers))) => {
                    found.parties.running.insert(id, signers);
                }
                _ => missing.running.push(id),
            }
        }
        for party in wanted.parties {
            self.take_party(party, &mut found, &mut missing);
        }
        let signers: HashSet<_> = found.parties.running.values().flatten().cloned().collect();
        for party in signers {
            self.take_party(party, &mut found, &mut missing);
        }
        (found, missing)
    }

    fn take_party(&mut self, party: PartyId, found: &mut Loaded, missing: &mut Wanted) {
        if found.parties.parties.contains_key(&party) || missing.parties.contains(&party) {
            return;
        }
        match self.rows.pop(&Name::Party(party.clone())) {
            Some(Change::UpsertParty(row)) => drop(found.parties.parties.insert(party, *row)),
            _ => missing.parties.push(party),
        }
    }

    /// Adds rows that were read from the table. What was here is newer.
    pub(super) fn add_read(&mut self, read: Loaded, found: &mut Loaded) {
        let Loaded {
            accounts,
            keys,
            sessions,
            parties,
        } = read;
        let ids = (accounts.keys().map(|id: &AccountId| id.0))
            .chain(keys.keys().map(|id: &KeyId| id.0))
            .chain(sessions.keys().map(|id: &SessionId| id.0));
        self.old.extend(ids.map(Name::Row));
        let running = parties.running.keys().map(|id| Name::Running(id.0));
        self.old.extend(running);
        found.accounts.extend(accounts);
        found.keys.extend(keys);
        found.sessions.extend(sessions);
        found.parties.running.extend(parties.running);
        // Those who sign are read along with what runs, also when they are here.
        for (party, row) in parties.parties {
            let name = Name::Party(party.clone());
            if found.parties.parties.contains_key(&party) {
                continue;
            }
            match self.rows.pop(&name) {
                Some(Change::UpsertParty(row)) => {
                    found.parties.parties.insert(party, *row);
                }
                _ => {
                    self.old.insert(name);
                    found.parties.parties.insert(party, row);
                }
            }
        }
    }

    /// Keeps a row back, and passes those that are not kept any longer.
    pub(super) fn put(&mut self, change: Change, mut leaving: impl FnMut(Leaving)) {
        let name = name(&change);
        let change = match (change, self.rows.peek_mut(&name)) {
            (Change::ExtendTimeline(_, mut new), Some(Change::ExtendTimeline(id, entries))) => {
                entries.append(&mut new);
                let whole = Change::ExtendTimeline(*id, std::mem::take(entries));
                self.rows.pop(&name);
                whole
            }
            (change, _) => change,
        };
        if is_settled(&change) {
            leaving(self.part(&name, change));
            return;
        }
        self.rows.put(name, change);
        while self.rows.len() > self.capacity
            && let Some((name, change)) = self.rows.pop_lru()
        {
            leaving(self.part(&name, change));
        }
    }

    /// A row that is still here, the one that has not changed for the longest first.
    pub(super) fn pop(&mut self) -> Option<Leaving> {
        let (name, change) = self.rows.pop_lru()?;
        Some(self.part(&name, change))
    }

    fn part(&mut self, name: &Name, change: Change) -> Leaving {
        if !self.old.is_empty() && self.old.remove(name) {
            Leaving::Old(change)
        } else {
            Leaving::New(change)
        }
    }
}

fn name(change: &Change) -> Name {
    match change {
        Change::UpsertAccount(row) => Name::Row(row.view.account_id.0),
        Change::UpsertKey(row) => Name::Row(row.view.key_id.0),
        Change::UpsertSession(row) => Name::Row(row.view.session_id.0),
        Change::UpsertParty(row) => Name::Party(row.view.party.clone()),
        Change::SetRunning(id, _) => Name::Running(id.0),
        Change::ExtendTimeline(id, _) => Name::Row(id.0),
    }
}

/// Whether nothing is likely to happen to the row any more.
fn is_settled(change: &Change) -> bool {
    match change {
        Change::UpsertSession(row) => row.is_settled(),
        Change::SetRunning(_, signers) => signers.is_none(),
        Change::ExtendTimeline(_, entries) => entries.last().is_some_and(timeline::is_end),
        Change::UpsertAccount(_) | Change::UpsertKey(_) | Change::UpsertParty(_) => false,
    }
}
