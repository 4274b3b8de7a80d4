//! The task that writes: it commits what is queued in one transaction.
//!
//! A caller hears of success only after COMMIT has returned, and after readers and
//! followers can see the events. When a statement or the COMMIT fails, the whole
//! batch fails, and what the task knows is read again from the file.

mod adopt;
mod insert;
mod lookup;

use std::{fs::File, mem, sync::Arc};

use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tracing::Instrument;

use super::{Shared, failure::storage};
use crate::{
    AppendError, Appended, CommandEntry, HashKey, LogError, PersonalChange,
    append::Prepared,
    metrics,
    plan::{Plan, Planned},
    tails::Tails,
};
use insert::Inserts;

/// How many appends share a transaction at most.
const BATCH: usize = 256;

/// What the task is asked for.
pub(super) enum Job {
    Append(Box<Prepared>, Reply),
    Adopt(HashKey, oneshot::Sender<Result<(), LogError>>),
    Close(oneshot::Sender<Result<(), LogError>>),
}

type Reply = oneshot::Sender<Result<Written, AppendError>>;

/// An append that is on disk.
pub(super) enum Written {
    /// By this batch.
    Fresh(Appended),
    /// Before; the caller reads what it was.
    Duplicate(CommandEntry),
}

/// The state of the task.
pub(super) struct Writer {
    connection: SqliteConnection,
    shared: Arc<Shared>,
    inserts: Inserts,
    tails: Tails,
    /// Whether memory may differ from the file.
    stale: bool,
    /// Whether a key was destroyed that the write-ahead log may still hold.
    remnants: bool,
    /// Dropped after the connection.
    lock: File,
}

impl Writer {
    pub(super) fn new(connection: SqliteConnection, lock: File, shared: Arc<Shared>) -> Self {
        Self {
            connection,
            shared,
            inserts: Inserts::new(),
            tails: Tails::default(),
            stale: false,
            remnants: false,
            lock,
        }
    }

    /// Serves the queue until it is closed or has no senders left.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(BATCH);
        let mut closers = Vec::new();
        while queue.recv_many(&mut jobs, BATCH).await > 0 {
            let mut appends = Vec::with_capacity(jobs.len());
            let mut replies = Vec::with_capacity(jobs.len());
            for job in jobs.drain(..) {
                match job {
                    Job::Append(prepared, reply) => {
                        appends.push(*prepared);
                        replies.push(reply);
                    }
                    Job::Adopt(key, reply) => {
                        let _ = reply.send(self.adopt(&key).await);
                    }
                    Job::Close(reply) => {
                        queue.close();
                        closers.push(reply);
                    }
                }
            }
            metrics::batch(appends.len(), queue.len());
            self.serve(appends, replies).await;
            if self.remnants {
                self.overwrite().await;
            }
        }
        let closed = self.close().await;
        for closer in closers {
            // Whoever does not wait any more does not mind.
            let _ = closer.send(closed.clone());
        }
    }

    async fn serve(&mut self, appends: Vec<Prepared>, replies: Vec<Reply>) {
        let span = tracing::debug_span!("db.events.append", appends = appends.len());
        match self.write(appends).instrument(span).await {
            Ok(outcomes) => {
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    let _ = reply.send(outcome);
                }
            }
            Err(error) => {
                self.stale = true;
                // If this fails the next batch tries again.
                let _ = self.recover().await;
                for reply in replies {
                    let _ = reply.send(Err(error.clone().into()));
                }
            }
        }
    }

    async fn write(
        &mut self,
        appends: Vec<Prepared>,
    ) -> Result<Vec<Result<Written, AppendError>>, LogError> {
        if appends.is_empty() {
            return Ok(Vec::new());
        }
        let (appends, mut drafts): (Vec<_>, Vec<_>) = appends
            .into_iter()
            .map(|prepared| (prepared.append, prepared.drafts))
            .unzip();
        if self.stale {
            self.recover().await?;
        }
        // Nobody else writes to this file: what is looked up stays true until the
        // transaction that follows.
        let mut plan = self.look_up(&appends).await?;
        let planned: Vec<_> = plan.add_all(&appends, &mut drafts);
        self.insert(&plan).await?;
        let erases = |change: &PersonalChange| matches!(change, PersonalChange::Erase { .. });
        self.remnants |= plan.personal.iter().any(erases);
        let outcomes = planned
            .into_iter()
            .map(|outcome| outcome.map(|planned| written(&plan, planned)))
            .collect();
        self.publish(plan);
        Ok(outcomes)
    }

    /// Takes what was committed into memory and wakes those who follow.
    fn publish(&mut self, plan: Plan) {
        let head = plan.head();
        for (stream, tail) in plan.tails {
            self.tails.insert(stream, tail);
        }
        let events = plan.rows.into_iter().map(|row| row.envelope);
        self.shared.recent.add(events);
        self.wake(head);
    }

    fn wake(&self, head: u64) {
        metrics::head(head);
        self.shared
            .head
            .send_if_modified(|known| mem::replace(known, head) != head);
    }

    /// After a failure: nothing is open, and memory says what the file says.
    async fn recover(&mut self) -> Result<(), LogError> {
        // Fails if the failure has rolled back already.
        let _ = self.execute("ROLLBACK").await;
        let head: i64 = sqlx::query_scalar("SELECT coalesce(max(position), 0) FROM events")
            .fetch_one(&mut self.connection)
            .await
            .map_err(|error| storage(&self.shared.path, "read the head", error))?;
        let head = head.unsigned_abs();
        self.tails.clear();
        // A COMMIT that failed may have happened.
        if *self.shared.head.borrow() != head {
            self.shared.recent.reset(head);
            self.wake(head);
        }
        self.stale = false;
        Ok(())
    }

    /// Moves everything into the file, where what was deleted is overwritten, and cuts
    /// the write-ahead log off. Readers may be in the way: then it is tried again after
    /// the next batch, and when the log is closed.
    async fn overwrite(&mut self) {
        let done = sqlx::query_scalar::<_, i64>("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&mut self.connection)
            .await;
        match done {
            Ok(0) => self.remnants = false,
            Ok(_) => tracing::debug!("readers keep the write-ahead log from being cut off"),
            Err(error) => tracing::warn!(%error, "the write-ahead log was not cut off"),
        }
    }

    async fn execute(&mut self, statement: &'static str) -> Result<(), LogError> {
        sqlx::query(statement)
            .execute(&mut self.connection)
            .await
            .map_err(|error| storage(&self.shared.path, statement, error))?;
        Ok(())
    }

    async fn close(mut self) -> Result<(), LogError> {
        self.shared.readers.close().await;
        let checkpointed = self.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
        let closed = self.connection.close().await;
        drop(self.lock);
        checkpointed?;
        closed.map_err(|error| storage(&self.shared.path, "close the file", error))
    }
}

fn written(plan: &Plan, planned: Planned) -> Written {
    match planned {
        Planned::Fresh { rows, last } => Written::Fresh(Appended {
            last_position: last,
            events: plan.rows[rows]
                .iter()
                .map(|row| row.envelope.clone())
                .collect(),
            duplicate: false,
        }),
        Planned::Duplicate(entry) => Written::Duplicate(entry),
    }
}
