//! One new version of one projection, as it is filled from the beginning of the log.

use std::mem::replace;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_event_store::DecodedEvent;
use sqlx::{PgConnection, PgPool};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::held::{Held, Leaving};
use crate::fold::{self, Parked};
use crate::postgres::copy::{PORTION, Rows};
use crate::postgres::failure::failed;
use crate::postgres::pages::Page;
use crate::postgres::registry::{self, Target};
use crate::postgres::{commit, load, write};
use crate::{Change, Loaded, SkippedEvent, StoreError, Wanted};

/// Nobody sees the version before it is whole, so its rows are written as they are
/// settled; the checkpoint moves at the end, together with the last of them.
#[derive(Debug)]
pub(super) struct Filling {
    pool: PgPool,
    target: Target,
    /// It folds no event after this one.
    limit: u64,
    position: u64,
    progress: Arc<AtomicU64>,
    parked: Parked,
    held: Held,
    portion: Portion,
    /// The portion before, which comes back empty to be filled again.
    writing: Option<AbortOnDropHandle<Result<Portion, StoreError>>>,
    spare: Option<Portion>,
    /// Whether anything has been handed on to be written.
    written: bool,
    /// Whether rows are found by their ids, which costs every row that is written.
    keyed: bool,
}

/// What is written at once.
#[derive(Debug)]
struct Portion {
    target: Target,
    new: Rows,
    old: Vec<Change>,
    parked: Vec<SkippedEvent>,
}

impl Filling {
    pub(super) fn new(pool: &PgPool, target: Target, limit: u64, held: usize) -> Self {
        Self {
            pool: pool.clone(),
            target,
            limit,
            position: 0,
            progress: Arc::default(),
            parked: Parked::default(),
            held: Held::new(held),
            portion: Portion::new(target),
            writing: None,
            spare: None,
            written: false,
            keyed: false,
        }
    }

    /// How far it is, while it is at work elsewhere.
    pub(super) fn progress(&self) -> Arc<AtomicU64> {
        self.progress.clone()
    }

    /// Folds the pages that come until there are no more, and leaves everything
    /// written.
    pub(super) async fn work(mut self, mut pages: mpsc::Receiver<Page>) -> Result<(), StoreError> {
        while let Some(page) = pages.recv().await {
            self.take(&page).await?;
            self.progress.store(self.position, Ordering::Relaxed);
        }
        self.finish().await
    }

    async fn take(&mut self, page: &[DecodedEvent]) -> Result<(), StoreError> {
        let end = page.partition_point(|event| event.recorded.position <= self.limit);
        let events = &page[..end];
        let Some(last) = events.last() else {
            return Ok(());
        };
        let projection = self.target.projection;
        let wanted = fold::wanted(projection, events, &self.parked);
        let (mut loaded, missing) = self.held.take(wanted);
        let any_left = self.written || !self.portion.is_empty();
        if any_left && !missing.is_empty() {
            let read = self.read(&missing).await?;
            self.held.add_read(read, &mut loaded);
        }
        let folded = fold::fold(projection, events, loaded, &self.parked);
        folded.add_parked(&mut self.parked);
        self.portion.parked.extend(folded.parked);
        let mut failed = Ok(());
        for change in folded.changes {
            let portion = &mut self.portion;
            self.held.put(change, |row| {
                if failed.is_ok() {
                    failed = portion.add(row);
                }
            });
        }
        failed?;
        self.position = last.recorded.position;
        if self.portion.is_large() {
            self.write().await?;
        }
        Ok(())
    }

    /// Reads rows that were written: seldom, because most are settled by then.
    async fn read(&mut self, missing: &Wanted) -> Result<Loaded, StoreError> {
        self.write().await?;
        self.written().await?;
        self.make_key().await?;
        let connection = self.pool.acquire().await;
        let mut connection = connection.map_err(failed("reading rows"))?;
        load::load(&mut connection, self.target, missing).await
    }

    /// Hands on what there is to write, when what went before has been written.
    async fn write(&mut self) -> Result<(), StoreError> {
        self.written().await?;
        if self.portion.is_empty() {
            return Ok(());
        }
        self.written = true;
        let spare = self.spare.take();
        let spare = spare.unwrap_or_else(|| Portion::new(self.target));
        let portion = replace(&mut self.portion, spare);
        let writing = portion.write(self.pool.clone());
        self.writing = Some(AbortOnDropHandle::new(tokio::spawn(writing)));
        Ok(())
    }

    async fn written(&mut self) -> Result<(), StoreError> {
        if let Some(writing) = self.writing.take() {
            let written = writing.await.unwrap_or_else(|error| {
                let source = Arc::new(error);
                let operation = "writing rows";
                Err(StoreError::Storage { operation, source })
            });
            self.spare = Some(written?);
        }
        Ok(())
    }

    async fn make_key(&mut self) -> Result<(), StoreError> {
        if !self.keyed {
            registry::make_key(&self.pool, self.target).await?;
            self.keyed = true;
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<(), StoreError> {
        while let Some(row) = self.held.pop() {
            self.portion.add(row)?;
            if self.portion.is_large() {
                self.write().await?;
            }
        }
        self.written().await?;
        let failed = failed("writing the last rows");
        let mut transaction = self.pool.begin().await.map_err(&failed)?;
        let found = commit::lock(&mut transaction, self.target).await?;
        if found != 0 {
            let after = 0;
            let checkpoint = found;
            return Err(StoreError::Overtaken { after, checkpoint });
        }
        self.portion.write_within(&mut transaction).await?;
        commit::reach(&mut transaction, self.target, self.position).await?;
        transaction.commit().await.map_err(&failed)?;
        self.make_key().await
    }
}

impl Portion {
    fn new(target: Target) -> Self {
        Self {
            target,
            new: Rows::new(target),
            old: vec![],
            parked: vec![],
        }
    }

    fn is_empty(&self) -> bool {
        self.new.len() == 0 && self.old.is_empty() && self.parked.is_empty()
    }

    fn is_large(&self) -> bool {
        self.new.len() >= PORTION || self.old.len() >= 1000 || self.parked.len() >= 1000
    }

    fn add(&mut self, row: Leaving) -> Result<(), StoreError> {
        match row {
            Leaving::New(change) => self.new.add(&change)?,
            Leaving::Old(change) => self.old.push(change),
        }
        Ok(())
    }

    async fn write(mut self, pool: PgPool) -> Result<Self, StoreError> {
        let failed = failed("writing rows");
        let mut transaction = pool.begin().await.map_err(&failed)?;
        commit::lock(&mut transaction, self.target).await?;
        self.write_within(&mut transaction).await?;
        transaction.commit().await.map_err(&failed)?;
        self.new.clear();
        self.old.clear();
        self.parked.clear();
        Ok(self)
    }

    async fn write_within(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        self.new.write(connection).await?;
        write::write(connection, self.target, &self.old).await?;
        write::park(connection, self.target, &self.parked).await
    }
}
