//! Fills new versions from the log.

mod filling;
mod held;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_event_store::{EventLog, LogError};
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::filling::Filling;
use super::pages::{PAGE, Pages};
use super::rebuild::{Phase, Progress};
use super::registry::{self, Purpose, Target};
use crate::{Projection, StoreError};

/// How often to tell of the progress.
const TELL: Duration = Duration::from_millis(100);

/// What bounds the memory that filling takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Events that are read at once.
    pub(super) page: usize,
    /// Rows of each projection that are kept back.
    pub(super) held: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            page: PAGE,
            held: 16_384,
        }
    }
}

/// How many pages may wait for a projection, so that a slow one does not hold up the
/// others at once.
const WAITING: usize = 2;

/// What a rebuild or verification tells, and when it began.
pub(super) struct Reporter<'a> {
    tell: &'a mut (dyn FnMut(Progress) + Send),
    started: Instant,
    from: u64,
    told: Option<Instant>,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(tell: &'a mut (dyn FnMut(Progress) + Send)) -> Self {
        Self {
            tell,
            started: Instant::now(),
            from: 0,
            told: None,
        }
    }

    /// What was folded before does not count for the rate.
    pub(super) fn from(self, from: u64) -> Self {
        Self { from, ..self }
    }

    /// Tells, however short ago it told something.
    #[allow(clippy::cast_precision_loss, reason = "a rate is about")]
    pub(super) fn tell(&mut self, phase: Phase, position: u64, head: u64) {
        let elapsed = self.started.elapsed();
        self.told = Some(Instant::now());
        (self.tell)(Progress {
            phase,
            position,
            head,
            rate: position.saturating_sub(self.from) as f64 / elapsed.as_secs_f64().max(0.001),
            elapsed,
        });
    }

    pub(super) fn tell_now_and_then(&mut self, phase: Phase, position: u64, head: u64) {
        if self.told.is_none_or(|told| told.elapsed() >= TELL) {
            self.tell(phase, position, head);
        }
    }
}

/// Makes a version of each projection, to be filled.
pub(super) async fn create(
    pool: &PgPool,
    projections: &[Projection],
) -> Result<Vec<Target>, StoreError> {
    let mut targets = vec![];
    for projection in projections {
        targets.push(registry::create(pool, *projection, Purpose::Building).await?);
    }
    Ok(targets)
}

/// Fills versions from the beginning of the log, each up to its limit: every page is
/// read and decoded once for all of them.
pub(super) async fn fill(
    log: &Arc<dyn EventLog>,
    pool: &PgPool,
    targets: &[(Target, u64)],
    bounds: Bounds,
    reporter: &mut Reporter<'_>,
) -> Result<(), StoreError> {
    let head = targets.iter().map(|(_, limit)| *limit).max().unwrap_or(0);
    let (mut feeds, mut places, mut working) = (vec![], vec![], JoinSet::new());
    for (target, limit) in targets {
        let filling = Filling::new(pool, *target, *limit, bounds.held);
        let (feed, pages) = mpsc::channel(WAITING);
        feeds.push(feed);
        places.push(filling.progress());
        working.spawn(filling.work(pages));
    }
    let place = |place: &Arc<AtomicU64>| place.load(Ordering::Relaxed);
    let position = || places.iter().map(place).min().unwrap_or(0);
    let mut pages = Pages::up_to(log.clone(), head, bounds.page.max(1));
    while let Some(page) = pages.next().await {
        for feed in &feeds {
            if feed.send(page.clone()).await.is_err() {
                // It has failed.
                return ended(&mut working).await;
            }
        }
        reporter.tell_now_and_then(Phase::Filling, position(), head);
    }
    drop(feeds);
    ended(&mut working).await?;
    let limits = targets.iter().map(|(_, limit)| *limit);
    if places
        .iter()
        .map(place)
        .zip(limits)
        .any(|(place, limit)| place < limit)
    {
        return Err(StoreError::Log(LogError::Closed));
    }
    reporter.tell(Phase::Filling, head, head);
    Ok(())
}

/// Until all have ended, or one has failed.
async fn ended(working: &mut JoinSet<Result<(), StoreError>>) -> Result<(), StoreError> {
    while let Some(ended) = working.join_next().await {
        ended.unwrap_or_else(|error| {
            let source = Arc::new(error);
            let operation = "folding events";
            Err(StoreError::Storage { operation, source })
        })?;
    }
    Ok(())
}
