//! The signing party at work: takes invitations, verifies them for itself, runs
//! the ceremonies, and hands in what comes out.
//!
//! The coordinator, the bus and the network are hostile. Invariants:
//!
//! - nothing begins that the account's own key has not signed, for the key, the
//!   epoch, the path and the digest that are signed, among parties whose identity
//!   keys are those that this party pins;
//! - before any byte of an attempt's first round leaves, the vault has used the
//!   attempt up and bound the session to its digest, durably;
//! - a signature is verified and stored before anybody hears of it; a receipt is
//!   signed only for a share that is sealed on disk and that all parties confirm;
//! - whatever arrives is verified before an engine sees it, and whatever does not
//!   fit its [bounds](Limits) is dropped and counted.

mod attempt;
mod ceremony_id;
mod context;
mod coordinator;
mod dispatch;
mod drive;
mod error;
mod events;
mod heartbeat;
mod inbox;
mod invitation;
mod limits;
mod pool;
mod post;
mod progress;
mod refusal;
mod registry;
mod seat;
mod session;
mod shares;
mod silence;
mod stats;
mod verify;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use countersign_domain::engine::EngineId;
use countersign_domain::ids::PartyId;
use countersign_domain::roster::Roster;
use countersign_messaging::frame::{FrameOpener, FrameSealer};
use countersign_messaging::invitation::InvitationOpener;
use countersign_messaging::{Bus, Clock, EventFeed, IdentityKeys};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use error::WorkerError;
pub use limits::Limits;
pub use pool::{CeremonyPool, Lane, PoolError};
pub use stats::{Counter, Stats};

use crate::engine::{Dkls23, Engine};
use crate::vault::Vault;
use context::{ChildKeys, Context, Stop};
use registry::Registry;
use shares::Shares;

/// What a worker is made of.
pub struct WorkerConfig {
    /// Which party it is.
    pub party: PartyId,
    /// Its vault, open.
    pub vault: Arc<Vault>,
    /// The roster that it pins, itself included.
    pub roster: Arc<Roster>,
    /// The bus.
    pub bus: Arc<dyn Bus>,
    /// Where committed events come from.
    pub feed: Arc<dyn EventFeed>,
    /// The engines that it runs.
    pub engines: Vec<Arc<dyn Engine>>,
    /// Where protocol steps run; to be shared by all parties of a process.
    pub pool: Arc<CeremonyPool>,
    /// Tells the time.
    pub clock: Clock,
    /// What it holds and how long it waits.
    pub limits: Limits,
}

impl WorkerConfig {
    /// A worker with the default engine and limits.
    #[must_use]
    pub fn new(
        party: PartyId,
        vault: Arc<Vault>,
        roster: Arc<Roster>,
        bus: Arc<dyn Bus>,
        feed: Arc<dyn EventFeed>,
        pool: Arc<CeremonyPool>,
        clock: Clock,
    ) -> Self {
        Self {
            party,
            vault,
            roster,
            bus,
            feed,
            engines: vec![Arc::new(Dkls23)],
            pool,
            clock,
            limits: Limits::default(),
        }
    }
}

impl fmt::Debug for WorkerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerConfig")
            .field("party", &self.party)
            .field("engines", &self.engines)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// A signing party. See the module's documentation.
pub struct Worker {
    context: Context,
}

impl Worker {
    /// A worker that does nothing until it is [run](Self::run).
    #[must_use]
    pub fn new(config: WorkerConfig) -> Self {
        let WorkerConfig {
            party,
            vault,
            roster,
            bus,
            feed,
            engines,
            pool,
            clock,
            limits,
        } = config;
        let engines: BTreeMap<EngineId, Arc<dyn Engine>> = engines
            .into_iter()
            .filter_map(|engine| Some((engine.id().parse().ok()?, engine)))
            .collect();
        let keys = Arc::new(IdentityKeys::from_seed(vault.identity_seed()));
        let context = Context {
            sealer: Arc::new(FrameSealer::new(party.clone(), Arc::clone(&keys))),
            opener: Arc::new(FrameOpener::new(party.clone(), Arc::clone(&keys))),
            invitations: InvitationOpener::new(Arc::clone(&keys)),
            party,
            keys,
            vault,
            roster,
            bus,
            feed,
            engines,
            pool,
            clock,
            stats: Arc::default(),
            registry: Arc::new(Registry::new(&limits)),
            running: AtomicU32::new(0),
            ceremonies: Semaphore::new(limits.ceremonies),
            stop: Stop::default(),
            children: ChildKeys::default(),
            shares: Shares::default(),
            limits,
        };
        Self { context }
    }

    /// What it has done and dropped; counts on while it runs.
    #[must_use]
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.context.stats)
    }

    /// Serves until `stop` is cancelled. Then it takes no more invitations, and
    /// what runs has [`Limits::drain`] to end before it is given up.
    ///
    /// # Errors
    /// At once, when this party's identity keys are not those that the roster
    /// pins, or it has no engine; later, when the bus shuts down.
    pub async fn run(self, stop: CancellationToken) -> Result<(), WorkerError> {
        self.check()?;
        dispatch::run(Arc::new(self.context), stop).await
    }

    fn check(&self) -> Result<(), WorkerError> {
        let Context {
            party,
            keys,
            roster,
            engines,
            ..
        } = &self.context;
        let party = party.clone();
        if roster.get(&party).is_none() {
            return Err(WorkerError::NotInRoster { party });
        }
        if !keys.are_pinned(&party, roster) {
            return Err(WorkerError::IdentityMismatch { party });
        }
        if engines.is_empty() {
            return Err(WorkerError::NoEngine { party });
        }
        Ok(())
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("party", &self.context.party)
            .finish_non_exhaustive()
    }
}
