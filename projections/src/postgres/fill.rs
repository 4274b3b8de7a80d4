//! Fills new versions from the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_event_store::EventLog;
use sqlx::PgPool;
use tokio::time::Instant;

use super::group::Group;
use super::lane::Lane;
use super::pages::Pages;
use super::rebuild::{Phase, Progress};
use super::registry;
use crate::{Projection, StoreError};

/// How often to tell of the progress.
const TELL: Duration = Duration::from_millis(100);

/// What a rebuild or verification tells, and when it began.
pub(super) struct Reporter<'a> {
    tell: &'a mut (dyn FnMut(Progress) + Send),
    started: Instant,
    told: Option<Instant>,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(tell: &'a mut (dyn FnMut(Progress) + Send)) -> Self {
        Self {
            tell,
            started: Instant::now(),
            told: None,
        }
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
            rate: position as f64 / elapsed.as_secs_f64().max(0.001),
            elapsed,
        });
    }

    fn tell_now_and_then(&mut self, phase: Phase, position: u64, head: u64) {
        if self.told.is_none_or(|told| told.elapsed() >= TELL) {
            self.tell(phase, position, head);
        }
    }
}

/// Makes a version of each projection.
pub(super) async fn create(
    pool: &PgPool,
    projections: &[Projection],
) -> Result<Vec<Lane>, StoreError> {
    let mut lanes = vec![];
    for projection in projections {
        let target = registry::create(pool, *projection).await?;
        lanes.push(Lane::open(pool, target).await?);
    }
    Ok(lanes)
}

/// Folds the log from its beginning to `head`, or a little further.
pub(super) async fn fill(
    log: &Arc<dyn EventLog>,
    lanes: Vec<Lane>,
    head: u64,
    reporter: &mut Reporter<'_>,
) -> Result<Vec<Lane>, StoreError> {
    let places: Vec<_> = lanes.iter().map(Lane::progress).collect();
    let position = || places.iter().map(|it| it.load(Ordering::Relaxed)).min();
    let mut pages = Pages::follow(log.clone(), 0);
    let mut group = Group::start(lanes, |_, _| {});
    let mut read = 0;
    while read < head {
        reporter.tell_now_and_then(Phase::Filling, position().unwrap_or(0), head);
        let Some(page) = pages.next().await else {
            return Err(StoreError::Log(countersign_event_store::LogError::Closed));
        };
        read = page.last().map_or(read, |event| event.envelope.position);
        group.feed(&page).await;
        if let Some((_, error)) = group.failed() {
            return Err(error);
        }
    }
    let lanes = group.finish().await?;
    reporter.tell(Phase::Filling, position().unwrap_or(0), head);
    Ok(lanes)
}
