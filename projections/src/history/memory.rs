//! Snapshots in memory, as many as there is room for.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use countersign_event_store::StreamId;
use lru::LruCache;

use super::{CODE, Snapshot, Snapshots};
use crate::StoreError;

/// Room by default, in bytes.
const ROOM: usize = 32 * 1024 * 1024;

/// Snapshots that are gone with the process. The streams that were asked for least
/// recently make room for others.
#[derive(Debug)]
pub struct MemorySnapshots {
    room: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    /// Of each stream, by position.
    streams: LruCache<StreamId, BTreeMap<u64, Snapshot>>,
    bytes: usize,
}

impl Default for MemorySnapshots {
    fn default() -> Self {
        Self::with_room(ROOM)
    }
}

impl MemorySnapshots {
    /// Room for about so many bytes.
    #[must_use]
    pub fn with_room(room: usize) -> Self {
        Self {
            room,
            kept: Mutex::new(Kept {
                streams: LruCache::unbounded(),
                bytes: 0,
            }),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget(&mut self, snapshots: &BTreeMap<u64, Snapshot>) {
        let bytes: usize = snapshots.values().map(Snapshot::size).sum();
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

#[async_trait]
impl Snapshots for MemorySnapshots {
    async fn latest(
        &self,
        stream: &StreamId,
        position: u64,
    ) -> Result<Option<Snapshot>, StoreError> {
        let mut kept = self.kept();
        let of_stream = kept.streams.get(stream);
        let latest = of_stream.and_then(|all| {
            let mut up_to = all.range(..=position).rev();
            up_to.find(|(_, snapshot)| snapshot.code == CODE)
        });
        Ok(latest.map(|(_, snapshot)| snapshot.clone()))
    }

    async fn save(&self, snapshots: Vec<Snapshot>) -> Result<(), StoreError> {
        let mut kept = self.kept();
        for snapshot in snapshots {
            kept.bytes += snapshot.size();
            let stream = snapshot.stream.clone();
            let of_stream = kept.streams.get_or_insert_mut(stream, BTreeMap::new);
            if let Some(replaced) = of_stream.insert(snapshot.position, snapshot) {
                kept.bytes -= replaced.size();
            }
        }
        while kept.bytes > self.room {
            let Some((_, oldest)) = kept.streams.pop_lru() else {
                break;
            };
            kept.forget(&oldest);
        }
        Ok(())
    }

    async fn discard(&self, stream: &StreamId) -> Result<(), StoreError> {
        let mut kept = self.kept();
        if let Some(gone) = kept.streams.pop(stream) {
            kept.forget(&gone);
        }
        Ok(())
    }
}
