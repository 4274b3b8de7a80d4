//! One version of one projection, as a projector or a rebuild advances it.

mod together;

use countersign_event_store::{DecodedEvent, EventLog, LogError};
use sqlx::{PgConnection, PgPool};

use super::failure::failed;
use super::pages::{PAGE, decode};
use super::registry::Target;
use super::{commit, load};
use crate::StoreError;
use crate::fold::{self, Parked};

pub(super) use together::SMALL;

/// After a failure it is opened again: what it knows may not be so any more.
#[derive(Debug)]
pub(super) struct Lane {
    pool: PgPool,
    pub(super) target: Target,
    position: u64,
    /// It folds no event after this one.
    limit: u64,
    parked: Parked,
}

impl Lane {
    pub(super) async fn open(pool: &PgPool, target: Target) -> Result<Self, StoreError> {
        let failed = failed("opening a version");
        let mut transaction = pool.begin().await.map_err(&failed)?;
        let position = commit::lock(&mut transaction, target).await?;
        let parked = load::parked(&mut transaction, target).await?;
        transaction.commit().await.map_err(&failed)?;
        Ok(Self {
            pool: pool.clone(),
            target,
            position,
            limit: u64::MAX,
            parked,
        })
    }

    /// Folds no event after `limit`.
    pub(super) fn up_to(&mut self, limit: u64) {
        self.limit = limit;
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Folds a page, in a transaction of its own.
    pub(super) async fn take(&mut self, page: &[DecodedEvent]) -> Result<(), StoreError> {
        if self.new_events(page).is_empty() {
            return Ok(());
        }
        let failed = failed("committing a page");
        let mut transaction = self.pool.begin().await.map_err(&failed)?;
        let reached = self.take_within(&mut transaction, page).await?;
        transaction.commit().await.map_err(&failed)?;
        self.position = reached;
        Ok(())
    }

    /// Folds what the log has beyond its position up to `head`, in a transaction
    /// that goes on.
    pub(super) async fn catch_up_within(
        &mut self,
        connection: &mut PgConnection,
        log: &dyn EventLog,
        head: u64,
    ) -> Result<(), StoreError> {
        while self.position < head {
            let missing = usize::try_from(head - self.position).unwrap_or(PAGE);
            let events = log.read_all(self.position, missing.min(PAGE)).await?;
            let page = decode(events).await;
            let before = self.position;
            self.position = self.take_within(connection, &page).await?;
            if self.position == before {
                // The log ends before what was folded from it.
                let (after, found) = (head, before);
                return Err(LogError::Gap { after, found }.into());
            }
        }
        Ok(())
    }

    /// Folds what the log has beyond its position, until that is little.
    pub(super) async fn catch_up(
        &mut self,
        log: &dyn EventLog,
        little: u64,
    ) -> Result<(), StoreError> {
        loop {
            let head = log.head().await?.min(self.limit);
            if head.saturating_sub(self.position) <= little {
                return Ok(());
            }
            let page = decode(log.read_all(self.position, PAGE).await?).await;
            self.take(&page).await?;
        }
    }

    /// The events of a page that it has not folded.
    fn new_events<'a>(&self, page: &'a [DecodedEvent]) -> &'a [DecodedEvent] {
        let old = page.partition_point(|event| event.recorded.position <= self.position);
        let end = page.partition_point(|event| event.recorded.position <= self.limit);
        page.get(old..end).unwrap_or_default()
    }

    async fn take_within(
        &mut self,
        connection: &mut PgConnection,
        page: &[DecodedEvent],
    ) -> Result<u64, StoreError> {
        let events = self.new_events(page);
        let Some(last) = events.last() else {
            return Ok(self.position);
        };
        let checkpoint = last.recorded.position;
        let projection = self.target.projection;
        let wanted = fold::wanted(projection, events, &self.parked);
        let loaded = load::load(connection, self.target, &wanted).await?;
        let folded = fold::fold(projection, events, loaded, &self.parked);
        commit::apply(connection, self.target, self.position, &folded, checkpoint).await?;
        folded.add_parked(&mut self.parked);
        Ok(checkpoint)
    }
}
