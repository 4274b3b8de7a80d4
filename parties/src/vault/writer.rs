//! Group commit. One thread writes: it takes every change that waits, puts them
//! into one transaction, and answers all of them once that is on the disk. The
//! busier the party, the more changes share a flush: where several sessions are in
//! work, a change waits a moment for theirs. They compute meanwhile, and what each
//! of them costs is the processor, not the wait.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

use super::change::{Change, Decision, Tables, Verdict};
use super::error::VaultError;
use super::file;
use super::inner::Inner;

/// The most changes of one commit: it bounds the memory a commit needs.
const MOST: usize = 256;

/// How many sessions must be in work for a change to wait for others.
const SIBLINGS: usize = 4;

/// How long it waits.
const GATHER: Duration = Duration::from_millis(5);

/// A change and whom to tell.
pub(super) struct Job {
    pub(super) change: Change,
    pub(super) answer: oneshot::Sender<Result<Verdict, VaultError>>,
}

/// The writer's thread. Dropping it waits until what was submitted is written.
pub(super) struct Writer {
    inner: Arc<Inner>,
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(
        inner: &Arc<Inner>,
        in_work: &Arc<AtomicUsize>,
    ) -> Result<Self, VaultError> {
        let (jobs, waiting) = mpsc::channel();
        let shared = Arc::clone(inner);
        let in_work = Arc::clone(in_work);
        let thread = thread::Builder::new()
            .name(format!("vault-{}", inner.party))
            .spawn(move || {
                run(&shared, &waiting, &in_work);
            })
            .map_err(|error| VaultError::io(&inner.path, error))?;
        Ok(Self {
            inner: Arc::clone(inner),
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Hands a change to the writer.
    pub(super) fn submit(&self, change: Change) -> Submitted {
        let (answer, answered) = oneshot::channel();
        if let Some(jobs) = &self.jobs {
            // A writer that has stopped drops the job, and with it the answer.
            let _ = jobs.send(Job { change, answer });
        }
        Submitted {
            inner: Arc::clone(&self.inner),
            answered,
        }
    }
}

/// A change that the writer has.
pub(super) struct Submitted {
    inner: Arc<Inner>,
    answered: oneshot::Receiver<Result<Verdict, VaultError>>,
}

impl Submitted {
    /// Blocks until it is durable or refused.
    pub(super) fn wait(self) -> Result<Verdict, VaultError> {
        let stopped = stopped(&self.inner);
        futures::executor::block_on(self.answered).map_err(|_| stopped)?
    }

    /// Waits until it is durable or refused, without a thread to wait in.
    pub(super) async fn done(self) -> Result<Verdict, VaultError> {
        let stopped = stopped(&self.inner);
        self.answered.await.map_err(|_| stopped)?
    }
}

fn stopped(inner: &Inner) -> VaultError {
    VaultError::io(&inner.path, io::Error::other("its writer stopped"))
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // The thread contains its panics; there is nothing to pass on.
            let _ = thread.join();
        }
    }
}

/// Writes until nobody can submit any more. Gives the number of commits.
pub(super) fn run(inner: &Inner, waiting: &Receiver<Job>, in_work: &AtomicUsize) -> usize {
    let mut commits = 0;
    while let Ok(first) = waiting.recv() {
        if let Some(pause) = pause(in_work.load(Ordering::Relaxed)) {
            thread::sleep(pause);
        }
        let jobs: Vec<Job> = std::iter::once(first)
            .chain(waiting.try_iter().take(MOST - 1))
            .collect();
        let outcome = file::contain(&inner.path, || write(inner, &jobs));
        commits += usize::from(matches!(outcome, Ok((true, _))));
        let answers = match outcome {
            Ok((_, answers)) => answers,
            Err(error) => vec![Err(error); jobs.len()],
        };
        for (job, answer) in jobs.into_iter().zip(answers) {
            // Whoever asked may have been unwound meanwhile.
            let _ = job.answer.send(answer);
        }
    }
    commits
}

/// How long a change waits for others when so many sessions are in work.
pub(super) fn pause(in_work: usize) -> Option<Duration> {
    (in_work >= SIBLINGS).then_some(GATHER)
}

type Answers = Vec<Result<Verdict, VaultError>>;

/// Writes the jobs in one transaction; says whether anything had to be written.
/// An error means that none of them was.
fn write(inner: &Inner, jobs: &[Job]) -> Result<(bool, Answers), VaultError> {
    let write = file::begin_write(&inner.path, &inner.database)?;
    let mut tables = Tables::open(inner, &write)?;
    let mut written = false;
    let mut answers = Vec::with_capacity(jobs.len());
    for job in jobs {
        answers.push(match tables.decide(&job.change) {
            Ok(decision) => {
                written |= !matches!(decision, Decision::Answer(_));
                Ok(tables.write(decision)?)
            }
            Err(refused) => Err(refused),
        });
    }
    if written {
        tables.close()?;
        write.commit().map_err(|error| inner.failed(error))?;
    } else {
        drop(tables);
        write.abort().map_err(|error| inner.failed(error))?;
    }
    Ok((written, answers))
}
