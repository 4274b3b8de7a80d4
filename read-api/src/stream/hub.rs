//! Who listens.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_event_store::{EventLog, Owners};
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::StreamSettings;
use super::ring::Ring;
use crate::metrics;
use crate::problem::{Code, Problem};

/// How many pages of the log are read for clients at once. Others wait for their turn,
/// so that many who come back at once leave connections for queries.
const PAGES: usize = 4;

/// When to come again where there is no room.
const RETRY_AFTER: u16 = 5;

/// All who listen, and the one who follows the log for them.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) owners: Arc<Owners>,
    pub(super) settings: StreamSettings,
    pub(super) pages: Semaphore,
    clients: Mutex<Clients>,
}

#[derive(Debug, Default)]
struct Clients {
    count: usize,
    /// The follower's; there is one as long as there are clients.
    run: Option<Run>,
}

#[derive(Debug)]
struct Run {
    ring: Arc<Ring>,
    /// Ends the follower.
    _follower: DropGuard,
}

/// A place among those who listen, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) hub: Arc<Hub>,
    pub(super) ring: Arc<Ring>,
}

impl Hub {
    pub(crate) fn new(
        log: Arc<dyn EventLog>,
        owners: Arc<Owners>,
        settings: StreamSettings,
    ) -> Self {
        Self {
            log,
            owners,
            settings,
            pages: Semaphore::new(PAGES),
            clients: Mutex::default(),
        }
    }

    /// How many listen now.
    pub(super) fn count(&self) -> usize {
        self.clients().count
    }

    /// Takes a place, if there is one.
    pub(super) fn join(self: &Arc<Self>) -> Result<Seat, Problem> {
        let max = self.settings.max_clients;
        let mut clients = self.clients();
        if clients.count >= max {
            let detail = format!("there are {max} event streams already, as many as there may be");
            return Err(Problem::new(Code::TooManyStreams, detail).retry_after(RETRY_AFTER));
        }
        clients.count += 1;
        metrics::stream_clients(clients.count);
        let run = clients.run.get_or_insert_with(|| self.follow());
        let ring = run.ring.clone();
        drop(clients);
        Ok(Seat {
            hub: self.clone(),
            ring,
        })
    }

    fn follow(self: &Arc<Self>) -> Run {
        let ring = Arc::new(Ring::new());
        let stop = CancellationToken::new();
        let follower = super::follower::follow(self.clone(), ring.clone());
        let told = stop.clone();
        tokio::spawn(async move { told.run_until_cancelled(follower).await });
        Run {
            ring,
            _follower: stop.drop_guard(),
        }
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut clients = self.hub.clients();
        clients.count -= 1;
        metrics::stream_clients(clients.count);
        if clients.count == 0 {
            clients.run = None;
        }
    }
}
