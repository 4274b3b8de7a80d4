//! The threads that protocol steps run on.
//!
//! Steps are pure computation of 1 ms (signing) to seconds (key generation), so
//! they stay off the runtime's threads, and as many run at once as there are
//! cores, whatever the number of ceremonies and parties in the process. Signing
//! and key generation have a lane each: neither can take all the threads, so a
//! signature does not wait behind somebody's new key.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::metrics;

/// Which steps a job stands in line with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Short steps.
    Sign,
    /// Long steps.
    Keygen,
}

/// Signing goes first.
const LANES: [Lane; 2] = [Lane::Sign, Lane::Keygen];

/// A job came to no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// It panicked; the thread lives on.
    #[error("a protocol step panicked")]
    Panicked,
    /// The pool is gone.
    #[error("the ceremony pool was shut down")]
    Closed,
}

/// A bounded pool of threads, to be shared by all parties of a process.
pub struct CeremonyPool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    /// How many jobs of one lane run at once.
    width: usize,
    delays: [AtomicU64; 2],
}

#[derive(Default)]
struct Queue {
    waiting: [VecDeque<Job>; 2],
    running: [usize; 2],
    closed: bool,
}

struct Job {
    work: Box<dyn FnOnce() + Send>,
    since: Instant,
}

impl CeremonyPool {
    /// A pool that runs up to `width` steps of each lane at once, at least one.
    ///
    /// It has one thread more than that: when key generation has taken its whole
    /// width, one is left for signing.
    #[must_use]
    pub fn new(width: usize) -> Self {
        let width = width.max(1);
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            wake: Condvar::new(),
            width,
            delays: Default::default(),
        });
        let threads = (0..=width)
            .filter_map(|number| {
                let shared = Arc::clone(&shared);
                thread::Builder::new()
                    .name(format!("ceremony-{number}"))
                    .spawn(move || shared.work())
                    .inspect_err(|error| tracing::error!(%error, "cannot start a pool thread"))
                    .ok()
            })
            .collect();
        Self { shared, threads }
    }

    /// Runs `work` on a thread of the pool. Work whose caller has gone before its
    /// turn is dropped unrun.
    ///
    /// # Errors
    /// [`PoolError`] when it panicked or the pool was shut down.
    pub async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let (answer, answered) = oneshot::channel();
        let job = Job {
            work: Box::new(move || {
                if !answer.is_closed() {
                    let _ = answer.send(work());
                }
            }),
            since: Instant::now(),
        };
        {
            let mut queue = self.shared.lock();
            if queue.closed || self.threads.is_empty() {
                return Err(PoolError::Closed);
            }
            queue.waiting[lane as usize].push_back(job);
            metrics::queued(lane);
            if queue.has_work(self.shared.width) {
                self.shared.wake.notify_one();
            }
        }
        answered.await.map_err(|_| PoolError::Panicked)
    }

    /// How long jobs of this lane have lately stood in line: a running average.
    #[must_use]
    pub fn delay(&self, lane: Lane) -> Duration {
        Duration::from_nanos(self.shared.delays[lane as usize].load(Ordering::Relaxed))
    }
}

impl Default for CeremonyPool {
    /// As wide as there are cores.
    fn default() -> Self {
        Self::new(thread::available_parallelism().map_or(1, NonZeroUsize::get))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Jobs run outside the lock, so nothing can be left half done under it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut queue = self.lock();
        loop {
            let Some((lane, job)) = queue.next(self.width) else {
                if queue.closed {
                    return;
                }
                queue = self
                    .wake
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            // Only where another may begin: a thread that wakes for nothing takes
            // a core from one that computes.
            if queue.has_work(self.width) {
                self.wake.notify_one();
            }
            drop(queue);
            metrics::unqueued(lane, 1);
            let lane = lane as usize;
            self.note_delay(lane, job.since.elapsed());
            // The caller learns of a panic by the answer that never comes.
            let _ = catch_unwind(AssertUnwindSafe(job.work));
            queue = self.lock();
            queue.running[lane] -= 1;
        }
    }

    fn note_delay(&self, lane: usize, waited: Duration) {
        let waited = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX / 8);
        // A lost update of an average is no loss.
        let before = self.delays[lane].load(Ordering::Relaxed);
        self.delays[lane].store(before - before / 8 + waited / 8, Ordering::Relaxed);
    }
}

impl Queue {
    /// Whether a job waits whose lane has room.
    fn has_work(&self, width: usize) -> bool {
        (0..self.waiting.len())
            .any(|lane| self.running[lane] < width && !self.waiting[lane].is_empty())
    }

    /// The job whose turn it is; signing goes first.
    fn next(&mut self, width: usize) -> Option<(Lane, Job)> {
        for lane in LANES {
            let at = lane as usize;
            if self.running[at] < width
                && let Some(job) = self.waiting[at].pop_front()
            {
                self.running[at] += 1;
                return Some((lane, job));
            }
        }
        None
    }
}

impl Drop for CeremonyPool {
    fn drop(&mut self) {
        {
            let mut queue = self.shared.lock();
            queue.closed = true;
            for lane in LANES {
                let waiting = &mut queue.waiting[lane as usize];
                metrics::unqueued(lane, waiting.len());
                waiting.clear();
            }
        }
        self.shared.wake.notify_all();
        for thread in self.threads.drain(..) {
            // The last owner may be a job itself; a thread cannot wait for itself.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl fmt::Debug for CeremonyPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CeremonyPool")
            .field("width", &self.shared.width)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
