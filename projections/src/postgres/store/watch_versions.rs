//! Which versions are active and how far they are, as this process knows.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::{Mutex, Notify, watch};
use tokio::task::JoinHandle;

use crate::postgres::failure::failed;
use crate::postgres::registry::{self, Target};
use crate::{Projection, StoreError};

/// How often to look.
const INTERVAL: Duration = Duration::from_millis(75);

/// How often to look while the database does not answer.
const RETRY: Duration = Duration::from_millis(500);

/// Looks for as long as it is kept.
#[derive(Debug)]
pub(super) struct Versions {
    known: Arc<Known>,
    looking: JoinHandle<()>,
}

#[derive(Debug)]
struct Known {
    pool: PgPool,
    active: RwLock<HashMap<Projection, Target>>,
    positions: watch::Sender<u64>,
    nudged: Notify,
    /// One look at a time, so that none overwrites a later one.
    order: Mutex<()>,
}

impl Versions {
    pub(super) async fn watch(pool: PgPool) -> Result<Self, StoreError> {
        let known = Arc::new(Known {
            pool,
            active: RwLock::default(),
            positions: watch::Sender::new(0),
            nudged: Notify::new(),
            order: Mutex::default(),
        });
        known.look().await?;
        let looking = tokio::spawn(known.clone().keep_looking());
        Ok(Self { known, looking })
    }

    pub(super) fn active(&self, projection: Projection) -> Target {
        let active = &self.known.active;
        let active = active.read().unwrap_or_else(PoisonError::into_inner);
        *active.get(&projection).expect("a look found them all")
    }

    pub(super) fn positions(&self) -> watch::Receiver<u64> {
        self.known.positions.subscribe()
    }

    pub(super) fn nudge(&self, position: u64) {
        if position > *self.known.positions.borrow() {
            self.known.nudged.notify_one();
        }
    }

    /// Looks now, and returns the position that all projections show.
    pub(super) async fn refresh(&self) -> Result<u64, StoreError> {
        self.known.look().await
    }
}

impl Drop for Versions {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

impl Known {
    async fn look(&self) -> Result<u64, StoreError> {
        let _in_order = self.order.lock().await;
        let found = registry::active(&self.pool).await?;
        if found.len() < Projection::ALL.len() {
            let missing = sqlx::Error::RowNotFound;
            return Err(failed("looking for the active version of every projection")(missing));
        }
        let position = found.iter().map(|it| it.position).min().unwrap_or(0);
        // The versions first: who sees the position reads them.
        let targets = found.iter().map(|it| (it.target.projection, it.target));
        *self.active.write().unwrap_or_else(PoisonError::into_inner) = targets.collect();
        self.positions.send_if_modified(|known| {
            let advances = position > *known;
            *known = position.max(*known);
            advances
        });
        Ok(position)
    }

    async fn keep_looking(self: Arc<Self>) {
        let mut failing = false;
        loop {
            let pause = if failing { RETRY } else { INTERVAL };
            let nudged = self.nudged.notified();
            let _ = tokio::time::timeout(pause, nudged).await;
            match self.look().await {
                Ok(_) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "the read models cannot be looked at");
                }
                Err(_) => {}
            }
        }
    }
}
