//! The store in memory, for the embedded mode: rebuilt from the log at start.

mod share;
mod table;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use async_trait::async_trait;
use countersign_domain::ids::{AccountId, KeyId, PartyId, SessionId};
use countersign_event_store::StreamId;
use tokio::sync::watch;

use self::share::Shared;
use self::table::Table;
use super::{Skipped, Store, StoreError};
use crate::parties::{PartyRows, Signers};
use crate::{
    AccountFilter, AccountRow, Batch, Change, KeyFilter, KeyRow, Loaded, PartyRow, SessionFilter,
    SessionRow, TimelineEntry, Wanted,
};

/// How many skipped events are kept by name.
const SKIPPED: usize = 100;

/// All rows, in memory.
#[derive(Debug)]
pub struct MemoryStore {
    tables: RwLock<Tables>,
    positions: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Tables {
    checkpoint: u64,
    accounts: Table<AccountRow>,
    keys: Table<KeyRow>,
    sessions: Table<SessionRow>,
    parties: BTreeMap<PartyId, Arc<PartyRow>>,
    running: HashMap<SessionId, Signers>,
    timeline: HashMap<SessionId, Vec<TimelineEntry>>,
    skipped: Skipped,
    parked: HashSet<StreamId>,
    shared: Shared,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// A store without rows, at position 0.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tables: RwLock::default(),
            positions: watch::Sender::new(0),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn apply(&mut self, batch: Batch) {
        for change in batch.changes {
            match change {
                Change::UpsertAccount(row) => self.accounts.upsert(*row),
                Change::UpsertKey(row) => self.keys.upsert(*row),
                Change::UpsertSession(mut row) => {
                    row.view.share(|name| self.shared.exchange(name));
                    self.sessions.upsert(*row);
                }
                Change::UpsertParty(row) => {
                    self.parties.insert(row.view.party.clone(), Arc::new(*row));
                }
                Change::SetRunning(id, Some(signers)) => {
                    self.running.insert(id, signers);
                }
                Change::SetRunning(id, None) => {
                    self.running.remove(&id);
                }
                Change::ExtendTimeline(id, mut entries) => {
                    for entry in &mut entries {
                        entry.share(|name| self.shared.exchange(name));
                    }
                    let known = self.timeline.entry(id).or_default();
                    known.reserve_exact(entries.len());
                    known.append(&mut entries);
                }
            }
        }
        let streams = batch.skipped.iter().map(|event| event.stream.clone());
        self.parked.extend(streams);
        self.skipped.count += batch.skipped.len() as u64;
        let room = SKIPPED.saturating_sub(self.skipped.events.len());
        self.skipped
            .events
            .extend(batch.skipped.into_iter().take(room));
        self.checkpoint = batch.checkpoint;
    }
}

impl Tables {
    fn load(&self, wanted: &Wanted) -> Loaded {
        let accounts = wanted.accounts.iter();
        let keys = wanted.keys.iter();
        let sessions = wanted.sessions.iter();
        let running = wanted.running.iter();
        let running: HashMap<_, _> = running
            .filter_map(|id| Some((*id, self.running.get(id)?.clone())))
            .collect();
        let parties = wanted.parties_with(&running).into_iter();
        Loaded {
            accounts: accounts
                .filter_map(|id| Some((*id, Arc::unwrap_or_clone(self.accounts.get(id.0)?))))
                .collect(),
            keys: keys
                .filter_map(|id| Some((*id, Arc::unwrap_or_clone(self.keys.get(id.0)?))))
                .collect(),
            sessions: sessions
                .filter_map(|id| Some((*id, Arc::unwrap_or_clone(self.sessions.get(id.0)?))))
                .collect(),
            parties: PartyRows {
                parties: parties
                    .filter_map(|id| Some((id.clone(), PartyRow::clone(self.parties.get(&id)?))))
                    .collect(),
                running,
            },
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn checkpoint(&self) -> Result<u64, StoreError> {
        Ok(self.read().checkpoint)
    }

    fn positions(&self) -> watch::Receiver<u64> {
        self.positions.subscribe()
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let after = batch.after;
        let checkpoint = {
            let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
            let checkpoint = tables.checkpoint;
            if checkpoint != after {
                return Err(StoreError::Overtaken { after, checkpoint });
            }
            tables.apply(batch);
            tables.checkpoint
        };
        self.positions.send_replace(checkpoint);
        Ok(())
    }

    async fn skipped(&self) -> Result<Skipped, StoreError> {
        Ok(self.read().skipped.clone())
    }

    async fn parked(&self) -> Result<HashSet<StreamId>, StoreError> {
        Ok(self.read().parked.clone())
    }

    async fn load(&self, wanted: &Wanted) -> Result<Loaded, StoreError> {
        Ok(self.read().load(wanted))
    }

    async fn account(&self, id: AccountId) -> Result<Option<Arc<AccountRow>>, StoreError> {
        Ok(self.read().accounts.get(id.0))
    }

    async fn key(&self, id: KeyId) -> Result<Option<Arc<KeyRow>>, StoreError> {
        Ok(self.read().keys.get(id.0))
    }

    async fn session(&self, id: SessionId) -> Result<Option<Arc<SessionRow>>, StoreError> {
        Ok(self.read().sessions.get(id.0))
    }

    async fn accounts(
        &self,
        filter: &AccountFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<AccountRow>>, StoreError> {
        Ok(self.read().accounts.list(filter, before, limit))
    }

    async fn keys(
        &self,
        filter: &KeyFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<KeyRow>>, StoreError> {
        Ok(self.read().keys.list(filter, before, limit))
    }

    async fn sessions(
        &self,
        filter: &SessionFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<SessionRow>>, StoreError> {
        Ok(self.read().sessions.list(filter, before, limit))
    }

    async fn party(&self, id: &PartyId) -> Result<Option<Arc<PartyRow>>, StoreError> {
        Ok(self.read().parties.get(id).cloned())
    }

    async fn parties(&self) -> Result<Vec<Arc<PartyRow>>, StoreError> {
        Ok(self.read().parties.values().cloned().collect())
    }

    async fn timeline(&self, id: SessionId) -> Result<Vec<TimelineEntry>, StoreError> {
        Ok(self.read().timeline.get(&id).cloned().unwrap_or_default())
    }
}
