//! The task that writes: it commits what is queued in one transaction.
//!
//! It decides on a batch by what it remembers, and one statement compares that with
//! the log and writes. When the log has moved on, another statement tells all that the
//! batch is decided on anew; as long as others append, that one comes first. One round
//! trip without other writers, two with.
//!
//! A caller hears of success only after COMMIT has returned, and after readers and
//! followers in this process can see the events. When a statement fails, the whole
//! batch fails and nothing of it is in the log. When an answer is lost, the
//! task finds out on another connection what became of the batch.

mod call;
mod lookup;
mod pace;
mod settle;

use std::sync::{Arc, atomic::Ordering};

use futures::FutureExt;
use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_blocking,
    time::{Instant, timeout},
};
use tracing::Instrument;

use super::{
    Shared,
    failure::damaged,
    link::{Link, STEP},
};
use crate::{
    AppendError, Appended, CommandEntry, LogError,
    append::Prepared,
    metrics,
    plan::{Plan, Planned},
    tails::Tails,
};
use call::Attempt;
use lookup::Wanted;
use pace::Pace;

/// How many appends share a transaction at most.
const BATCH: usize = 256;

/// How often a batch is tried while other processes may get in between. After that
/// the head is locked first.
const UNLOCKED: u32 = 3;

/// How many callers are many.
const MANY: usize = 4;

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
    /// Whether others had appended when it last looked: then it looks first.
    disturbed: bool,
}

impl Writer {
    pub(super) fn new(link: Link, head: u64, shared: Arc<Shared>) -> Self {
        Self {
            link,
            shared,
            tails: Tails::default(),
            seen: head,
            disturbed: false,
        }
    }

    /// Serves the queue until it is closed or has no senders left.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(BATCH);
        let mut closers = Vec::new();
        let mut pace = Pace::new();
        while queue.recv_many(&mut jobs, BATCH).await > 0 {
            let in_work = self.shared.in_work.load(Ordering::Relaxed);
            pace.gather(in_work, &mut queue, &mut jobs, BATCH).await;
            let began = Instant::now();
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
            pace.wrote(began);
            // Those who were answered may ask again, and share the next batch.
            tokio::task::yield_now().await;
        }
        self.shared.closed.store(true, Ordering::Release);
        self.shared.newest.close().await;
        let closed = self.link.close().await;
        for closer in closers {
            // Whoever does not wait any more does not mind.
            let _ = closer.send(closed.clone());
        }
    }

    async fn serve(&mut self, appends: Vec<Prepared>, replies: Vec<Reply>) {
        let span = tracing::debug_span!("db.events.append", appends = appends.len());
        match self.write(appends).instrument(span).await {
            Ok(outcomes) => reply(replies, outcomes).await,
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
        let (appends, mut drafts): (Vec<_>, Vec<_>) = appends
            .into_iter()
            .map(|prepared| (prepared.append, prepared.drafts))
            .unzip();
        let mut wanted = Wanted::new(&appends);
        let mut sure = self.disturbed;
        let mut plan = if sure {
            self.look_up(&mut wanted).await?
        } else {
            wanted.assume(self.seen, &self.tails)
        };
        let mut misses = 0;
        loop {
            let planned: Vec<_> = plan.add_all(&appends, &mut drafts);
            if sure && plan.is_empty() {
                self.link.rollback().await;
                return Ok(outcomes(&plan, planned));
            }
            // What memory refuses is only refused when the database does.
            let fresh = |it: &Result<_, _>| matches!(it, Ok(Planned::Fresh { .. }));
            let stands = sure || (planned.iter().all(fresh) && !plan.is_empty());
            if stands {
                if !plan.personal.is_empty() && !self.link.is_locked() {
                    self.begin().await?;
                }
                if self.written(&wanted, &plan).await? {
                    let outcomes = outcomes(&plan, planned);
                    self.publish(plan);
                    return Ok(outcomes);
                }
                misses += 1;
            }
            if misses > UNLOCKED + 1 {
                self.link.rollback().await;
                let detail = format!("it does not take what is to follow position {}", plan.base);
                return Err(damaged(&self.shared.name, detail));
            }
            if misses >= UNLOCKED && !self.link.is_locked() {
                self.link.lock_head().await?;
            }
            plan = self.look_up(&mut wanted).await?;
            sure = true;
        }
    }

    /// Begins a transaction, for a batch that takes more than one statement. A connection
    /// that turns out to be dead is replaced once.
    async fn begin(&mut self) -> Result<(), LogError> {
        self.link.ready().await?;
        if self.link.lock_head().await.is_err() {
            self.link.ready().await?;
            self.link.lock_head().await?;
        }
        Ok(())
    }

    /// Writes the plan, and tells whether it is in the log; tries again when the
    /// connection was lost on the way and nothing was written.
    async fn written(&mut self, wanted: &Wanted<'_>, plan: &Plan) -> Result<bool, LogError> {
        let mut again = !self.link.is_locked();
        loop {
            self.link.ready().await?;
            let error = match self.call(wanted, plan).await {
                Ok(written) => return Ok(written),
                Err(error) if self.link.is_up() => {
                    self.link.rollback().await;
                    return Err(error);
                }
                Err(error) => error,
            };
            if settle::settle(&mut self.link, plan, &error).await? {
                return Ok(true);
            }
            if !std::mem::take(&mut again) {
                return Err(error);
            }
        }
    }

    async fn call(&mut self, wanted: &Wanted<'_>, plan: &Plan) -> Result<bool, LogError> {
        const WHAT: &str = "append a batch";
        let mut connection = self.link.take(WHAT)?;
        let asked = call::write(&mut connection, wanted, plan).boxed();
        let told = timeout(STEP, asked).await;
        match self.link.give(WHAT, connection, told).await? {
            Attempt::Written => {
                if !plan.personal.is_empty() {
                    self.change_keys(plan).await?;
                }
                self.link.commit().await?;
                Ok(true)
            }
            Attempt::Moved => Ok(false),
            Attempt::Taken => {
                self.link.rollback().await;
                Ok(false)
            }
        }
    }

    /// A plan at the head of the log, with all that is wanted to decide on the batch.
    async fn look_up(&mut self, wanted: &mut Wanted<'_>) -> Result<Plan, LogError> {
        const WHAT: &str = "look up what a batch mentions";
        let mut again = !self.link.is_locked();
        loop {
            self.link.ready().await?;
            let mut connection = self.link.take(WHAT)?;
            let told = timeout(STEP, call::look_up(&mut connection, wanted).boxed()).await;
            let rows = match self.link.give(WHAT, connection, told).await {
                Ok(rows) => rows,
                Err(_) if !self.link.is_up() && std::mem::take(&mut again) => continue,
                Err(error) => {
                    self.link.rollback().await;
                    return Err(error);
                }
            };
            let log = &self.shared.name;
            let answer = wanted.answer(&rows, log);
            let plan = answer.and_then(|it| it.ok_or_else(|| damaged(log, "its head is missing")));
            let plan = plan.and_then(|plan| self.look_back(plan.base).map(|()| plan));
            if plan.is_err() {
                // Nobody else could append for as long as it is open.
                self.link.rollback().await;
            }
            return plan;
        }
    }

    async fn change_keys(&mut self, plan: &Plan) -> Result<(), LogError> {
        const WHAT: &str = "change the keys of personal data";
        let mut connection = self.link.take(WHAT)?;
        let changed = call::change_keys(&mut connection, plan).boxed();
        let done = timeout(STEP, changed).await;
        self.link.give(WHAT, connection, done).await
    }

    /// Takes note of where the log ends that somebody else has appended to.
    fn look_back(&mut self, head: u64) -> Result<(), LogError> {
        if head < self.seen {
            let detail = format!("it ends at {head}, and it ended at {} before", self.seen);
            return Err(damaged(&self.shared.name, detail));
        }
        self.disturbed = head > self.seen;
        if self.disturbed {
            // Who knows to which streams.
            self.tails.clear();
            self.seen = head;
            self.shared.hear(head);
        }
        Ok(())
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
        let events = plan.rows.into_iter().map(|row| row.envelope);
        self.shared.recent.add(events);
        self.shared.hear(head);
        self.shared.committed.send_replace(head);
    }
}

/// Answers the callers. Many are answered from a thread that runs no tasks, and so are
/// woken together: woken one by one by a thread of the runtime, they would wake and
/// stop its other threads again and again, which was a seventh of an append.
async fn reply(replies: Vec<Reply>, outcomes: Vec<Result<Written, AppendError>>) {
    let answers = replies.into_iter().zip(outcomes);
    if answers.len() < MANY {
        answer(answers);
    } else {
        let answering = spawn_blocking(move || answer(answers));
        // Those who were answered come first. It fails when the runtime ends, and with
        // it those who wait.
        let _ = answering.await;
    }
}

fn answer(answers: impl Iterator<Item = (Reply, Result<Written, AppendError>)>) {
    for (reply, outcome) in answers {
        // Whoever does not wait any more does not mind.
        let _ = reply.send(outcome);
    }
}

fn outcomes(
    plan: &Plan,
    planned: Vec<Result<Planned, AppendError>>,
) -> Vec<Result<Written, AppendError>> {
    let outcomes = planned.into_iter();
    outcomes
        .map(|outcome| outcome.map(|planned| written(plan, planned)))
        .collect()
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
