//! What all tasks of a worker share.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_domain::bytes::{Digest, PublicKey};
use countersign_domain::engine::EngineId;
use countersign_domain::ids::PartyId;
use countersign_domain::path::{DerivationPath, PathError};
use countersign_domain::roster::Roster;
use countersign_messaging::frame::{FrameOpener, FrameSealer};
use countersign_messaging::invitation::InvitationOpener;
use countersign_messaging::{Bus, Clock, EventFeed, IdentityKeys};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::limits::Limits;
use super::pool::CeremonyPool;
use super::registry::Registry;
use super::shares::Shares;
use super::stats::Stats;
use crate::engine::Engine;
use crate::vault::Vault;

/// Child keys that are remembered: deriving one takes as long as half a
/// signature's other work, and the same few sign again and again.
const CHILD_KEYS: usize = 1024;

pub(super) struct Context {
    pub(super) party: PartyId,
    pub(super) keys: Arc<IdentityKeys>,
    pub(super) sealer: Arc<FrameSealer>,
    pub(super) opener: Arc<FrameOpener>,
    pub(super) invitations: InvitationOpener,
    pub(super) vault: Arc<Vault>,
    pub(super) roster: Arc<Roster>,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) feed: Arc<dyn EventFeed>,
    pub(super) engines: BTreeMap<EngineId, Arc<dyn Engine>>,
    pub(super) pool: Arc<CeremonyPool>,
    pub(super) clock: Clock,
    pub(super) limits: Limits,
    pub(super) stats: Arc<Stats>,
    pub(super) registry: Arc<Registry>,
    /// Attempts in their rounds; for the heartbeat.
    pub(super) running: AtomicU32,
    /// One permit for each attempt that may be in its rounds.
    pub(super) ceremonies: Semaphore,
    pub(super) stop: Stop,
    pub(super) children: ChildKeys,
    pub(super) shares: Shares,
}

impl Context {
    /// A sealer that shares no channel with another.
    pub(super) fn new_sealer(&self) -> FrameSealer {
        FrameSealer::new(self.party.clone(), Arc::clone(&self.keys))
    }
}

/// The two stages of stopping.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop {
    /// Nothing new begins; what runs may end.
    pub(super) drain: CancellationToken,
    /// What still runs is given up.
    pub(super) abandon: CancellationToken,
}

/// Derived public keys, by parent and path. All of it is public.
#[derive(Default)]
pub(super) struct ChildKeys(Mutex<HashMap<(PublicKey, Digest, DerivationPath), PublicKey>>);

impl ChildKeys {
    /// The child of `parent` at `path`.
    pub(super) fn derive(
        &self,
        parent: &PublicKey,
        chain_code: &Digest,
        path: &DerivationPath,
    ) -> Result<PublicKey, PathError> {
        if path.steps().is_empty() {
            return Ok(*parent);
        }
        let place = (*parent, *chain_code, path.clone());
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(child) = known().get(&place) {
            return Ok(*child);
        }
        let child = path.derive(parent, chain_code)?;
        let mut known = known();
        if known.len() >= CHILD_KEYS {
            known.clear();
        }
        known.insert(place, child);
        Ok(child)
    }
}
