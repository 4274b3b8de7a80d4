//! The task that writes: it commits what is queued in one transaction.
//!
//! A caller hears of success only after COMMIT has returned, and after readers and
//! followers in this process can see the events. When a statement fails, the whole
//! batch fails and nothing of it is in the log. When the answer to COMMIT is lost,
//! the task finds out on another connection what became of it.

mod insert;
mod link;
mod lookup;
mod settle;

use std::sync::{Arc, atomic::Ordering};

use futures::FutureExt;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tracing::Instrument;

use super::{Shared, failure::damaged};
use crate::{
    AppendError, Appended, CommandEntry, LogError,
    append::Prepared,
    metrics,
    plan::{Plan, Planned},
    tails::Tails,
};
pub(super) use link::Link;
use link::STEP;
use lookup::Wanted;

/// How many appends share a transaction at most.
const BATCH: usize = 256;

/// What the task is asked for.
pub(super) enum Job {
    Append(Box<Prepared>, Reply),
    Close(oneshot::Sender<Result<(), LogError>>),
}

type Reply = oneshot::Sender<Result<Written, AppendError>>;

/// An append that is committed.
pub(super) enum Written {
    /// By this batch.
    Fresh(Appended),
    /// Before; the caller reads what it was.
    Duplicate(CommandEntry),
}

/// The state of the task.
pub(super) struct Writer {
    link: Link,
    shared: Arc<Shared>,
    /// True of the log whose head is `seen`.
    tails: Tails,
    seen: u64,
    /// Where the ring of recent events ends.
    published: u64,
}

impl Writer {
    pub(super) fn new(link: Link, head: u64, shared: Arc<Shared>) -> Self {
        Self {
            link,
            shared,
            tails: Tails::default(),
            seen: head,
            published: head,
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
                    Job::Close(reply) => {
                        queue.close();
                        closers.push(reply);
                    }
                }
            }
            metrics::batch(appends.len(), queue.len());
            self.serve(appends, replies).await;
            // Those who were answered may ask again, and share the next batch.
            tokio::task::yield_now().await;
        }
        self.shared.closed.store(true, Ordering::Release);
        let closed = self.link.close().await;
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
        let mut plan = self.begin(&appends).await?;
        let planned: Vec<_> = appends.into_iter().map(|append| plan.add(append)).collect();
        if plan.is_empty() {
            self.link.rollback().await;
        } else {
            self.commit(&plan).await?;
        }
        let outcomes = planned
            .into_iter()
            .map(|outcome| outcome.map(|planned| written(&plan, planned)))
            .collect();
        self.publish(plan);
        Ok(outcomes)
    }

    /// Begins a transaction and looks up what the batch mentions. Nothing is written
    /// yet, so a connection that died unnoticed is replaced by another.
    async fn begin(&mut self, appends: &[Prepared]) -> Result<Plan, LogError> {
        let had = self.link.is_up();
        self.link.ready().await?;
        match self.lock_and_look_up(appends).boxed().await {
            Err(_) if had && !self.link.is_up() => {
                self.link.ready().await?;
                self.lock_and_look_up(appends).boxed().await
            }
            outcome => outcome,
        }
    }

    async fn lock_and_look_up(&mut self, appends: &[Prepared]) -> Result<Plan, LogError> {
        let base = self.link.lock_head().await?;
        if base < self.seen {
            self.link.rollback().await;
            let detail = format!("it ends at {base}, and it ended at {} before", self.seen);
            return Err(damaged(&self.shared.name, detail));
        }
        if base > self.seen {
            // Others have written, who knows to which streams.
            self.tails.clear();
            self.seen = base;
            self.shared.hear(base);
        }
        let mut plan = Plan {
            base,
            ..Plan::default()
        };
        let wanted = Wanted::new(appends, &self.tails, &mut plan);
        if !wanted.is_empty() {
            const WHAT: &str = "look up a batch";
            let mut connection = self.link.take(WHAT)?;
            let found = timeout(STEP, wanted.fetch(&mut connection).boxed()).await;
            let found = self.link.give(WHAT, connection, found).await?;
            wanted.fill(&found, &self.shared.name, &mut plan)?;
        }
        Ok(plan)
    }

    async fn commit(&mut self, plan: &Plan) -> Result<(), LogError> {
        const WHAT: &str = "write a batch";
        let mut connection = self.link.take(WHAT)?;
        let done = timeout(STEP, insert::insert(&mut connection, plan).boxed()).await;
        self.link.give(WHAT, connection, done).await?;
        match self.link.commit().await {
            Ok(()) => Ok(()),
            Err(error) => settle::settle(&mut self.link, plan, error).await,
        }
    }

    /// Takes what was committed into memory and wakes those who follow.
    fn publish(&mut self, plan: Plan) {
        let head = plan.head();
        if plan.rows.is_empty() {
            return;
        }
        for (stream, tail) in plan.tails {
            self.tails.insert(stream, tail);
        }
        self.seen = head;
        if plan.base != self.published {
            self.shared.recent.reset(plan.base);
        }
        let events = plan.rows.into_iter().map(|row| row.envelope);
        self.shared.recent.extend(events);
        self.published = head;
        self.shared.hear(head);
        self.shared.committed.send_replace(head);
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
