//! Work that one process at a time does, for as long as it holds a lease.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Leases;
use crate::LogError;

/// How a lease is taken and kept.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// For how long it is taken.
    pub ttl: Duration,
    /// How often it is renewed.
    pub renewal: Duration,
    /// How often one who stands by tries for it.
    pub standby: Duration,
}

impl Default for Terms {
    /// Less than 5 s from the death of a holder to the start of the next.
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(3),
            renewal: Duration::from_secs(1),
            standby: Duration::from_millis(500),
        }
    }
}

/// A lease that a process wants to hold.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Who grants it.
    pub leases: Arc<dyn Leases>,
    /// Its name.
    pub name: &'static str,
    /// The process.
    pub holder: String,
    /// How it is taken and kept.
    pub terms: Terms,
}

/// What one process at a time does.
pub trait LeasedWork: Send {
    /// Works until `held` is cancelled, and then returns soon. It is begun again after
    /// a while when it returns by itself.
    ///
    /// # Errors
    ///
    /// What makes it useless to begin again.
    fn work(
        &mut self,
        held: CancellationToken,
    ) -> impl Future<Output = Result<(), LogError>> + Send;
}

/// Does the work whenever the lease is held, until `stop`. The token that it gets is
/// cancelled when the lease is lost or all is to stop. The lease is given back at the
/// end, and when this is dropped.
///
/// # Errors
///
/// What the work fails with, or that the log is of no use any more.
pub async fn while_held(
    lease: Lease,
    stop: CancellationToken,
    mut work: impl LeasedWork,
) -> Result<(), LogError> {
    let mut claim = Claim {
        lease,
        taken: false,
    };
    let ended = claim.work_while_held(&stop, &mut work).await;
    claim.give_back().await;
    ended
}

/// A lease that may have been taken.
struct Claim {
    lease: Lease,
    taken: bool,
}

impl Claim {
    async fn work_while_held(
        &mut self,
        stop: &CancellationToken,
        work: &mut impl LeasedWork,
    ) -> Result<(), LogError> {
        // What is ready at once is taken, even by one that was told to stop.
        while !stop.is_cancelled() {
            let Some(acquired) = stop.run_until_cancelled(self.lease.acquire()).await else {
                return Ok(());
            };
            let since = acquired?;
            self.taken = true;
            let (name, holder) = (self.lease.name, self.lease.holder.as_str());
            tracing::info!(lease = name, holder, "the lease is held");
            let held = stop.child_token();
            let mut lost = Ok(());
            let keeping = async {
                lost = self.lease.keep(since).await;
                held.cancel();
                // What works comes to its end by itself.
                std::future::pending::<()>().await;
            };
            tokio::select! {
                worked = work.work(held.clone()) => worked?,
                () = keeping => {}
            }
            lost?;
            if !held.is_cancelled() {
                stop.run_until_cancelled(sleep(self.lease.terms.standby))
                    .await;
            }
        }
        Ok(())
    }

    async fn give_back(mut self) {
        if std::mem::take(&mut self.taken) {
            self.lease.release().await;
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.taken
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let lease = self.lease.clone();
            runtime.spawn(async move { lease.release().await });
        }
    }
}

impl Lease {
    /// Until the lease is ours; since when it is, by the clock of this process.
    async fn acquire(&self) -> Result<Instant, LogError> {
        let mut failing = false;
        loop {
            let asked = Instant::now();
            match self.ask().await {
                Ok(true) => return Ok(asked),
                Ok(false) => failing = false,
                Err(error) if error.is_final() => return Err(error),
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(lease = self.name, %error, "the lease cannot be asked for");
                    }
                }
            }
            sleep(self.terms.standby).await;
        }
    }

    /// Until the lease is lost; an error when the log is of no use any more.
    async fn keep(&self, mut held: Instant) -> Result<(), LogError> {
        loop {
            sleep(self.terms.renewal).await;
            let asked = Instant::now();
            // No longer than it is held, for another may have it then.
            match timeout_at(held + self.terms.ttl, self.ask()).await {
                Ok(Ok(true)) => held = asked,
                Ok(Ok(false)) => {
                    tracing::warn!(lease = self.name, "another process holds the lease now");
                    return Ok(());
                }
                Ok(Err(error)) if error.is_final() => return Err(error),
                Ok(Err(_)) if held.elapsed() < self.terms.ttl => {}
                Ok(Err(_)) | Err(_) => {
                    tracing::warn!(lease = self.name, "the lease ran out");
                    return Ok(());
                }
            }
        }
    }

    async fn ask(&self) -> Result<bool, LogError> {
        let ttl = self.terms.ttl;
        self.leases.acquire(self.name, &self.holder, ttl).await
    }

    async fn release(&self) {
        if let Err(error) = self.leases.release(self.name, &self.holder).await {
            tracing::warn!(lease = self.name, %error, "the lease ends by itself");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    /// Grants to whoever is written down, and counts how often it was given back.
    #[derive(Debug, Default)]
    struct Book {
        holder: Mutex<Option<String>>,
        released: AtomicUsize,
    }

    #[async_trait]
    impl Leases for Book {
        async fn acquire(&self, _: &str, holder: &str, _: Duration) -> Result<bool, LogError> {
            let mut held = self.holder.lock().expect("no panic");
            Ok(held.get_or_insert_with(|| holder.to_owned()) == holder)
        }

        async fn release(&self, _: &str, holder: &str) -> Result<(), LogError> {
            let mut held = self.holder.lock().expect("no panic");
            if held.as_deref() == Some(holder) {
                *held = None;
                self.released.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        }

        async fn holder(&self, _: &str) -> Result<Option<String>, LogError> {
            Ok(self.holder.lock().expect("no panic").clone())
        }
    }

    /// Tells that it begins and that it ends.
    struct Told {
        name: &'static str,
        tell: tokio::sync::mpsc::UnboundedSender<String>,
    }

    impl LeasedWork for Told {
        async fn work(&mut self, held: CancellationToken) -> Result<(), LogError> {
            let Self { name, tell } = self;
            tell.send(format!("{name} begins")).expect("heard");
            held.cancelled().await;
            tell.send(format!("{name} ends")).expect("heard");
            Ok(())
        }
    }

    struct Failing;

    impl LeasedWork for Failing {
        async fn work(&mut self, _: CancellationToken) -> Result<(), LogError> {
            Err(LogError::Closed)
        }
    }

    /// Two that want to work; what they did, in order.
    struct Two {
        book: Arc<Book>,
        done: tokio::sync::mpsc::UnboundedReceiver<String>,
        stops: Vec<CancellationToken>,
        tasks: Vec<tokio::task::JoinHandle<Result<(), LogError>>>,
    }

    fn two() -> Two {
        let (tell, done) = tokio::sync::mpsc::unbounded_channel();
        let book = Arc::<Book>::default();
        let (mut stops, mut tasks) = (vec![], vec![]);
        for name in ["one", "two"] {
            let (book, tell, stop) = (book.clone(), tell.clone(), CancellationToken::new());
            stops.push(stop.clone());
            let lease = Lease {
                leases: book.clone(),
                name: "work",
                holder: name.to_owned(),
                terms: Terms::default(),
            };
            let work = Told { name, tell };
            tasks.push(tokio::spawn(while_held(lease, stop, work)));
        }
        Two {
            book,
            done,
            stops,
            tasks,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_works_and_the_other_follows_when_it_stops() {
        let mut two = two();
        assert_eq!(two.done.recv().await.unwrap(), "one begins");
        sleep(Duration::from_secs(60)).await;
        assert!(two.done.try_recv().is_err(), "two stands by");
        two.stops[0].cancel();
        assert_eq!(two.done.recv().await.unwrap(), "one ends");
        assert_eq!(two.done.recv().await.unwrap(), "two begins");
        two.stops[1].cancel();
        for task in two.tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(two.book.released.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_dropped_gives_the_lease_back() {
        let mut two = two();
        assert_eq!(two.done.recv().await.unwrap(), "one begins");
        two.tasks[0].abort();
        assert_eq!(two.done.recv().await.unwrap(), "two begins");
        assert_eq!(two.book.released.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_fails_ends_all_and_gives_the_lease_back() {
        let book = Arc::<Book>::default();
        let lease = Lease {
            leases: book.clone(),
            name: "work",
            holder: "one".to_owned(),
            terms: Terms::default(),
        };
        let failing = while_held(lease, CancellationToken::new(), Failing);
        assert!(matches!(failing.await, Err(LogError::Closed)));
        assert_eq!(book.holder("work").await.unwrap(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn work_ends_when_the_lease_is_lost() {
        let mut two = two();
        assert_eq!(two.done.recv().await.unwrap(), "one begins");
        *two.book.holder.lock().unwrap() = Some("two".to_owned());
        let mut next = [two.done.recv().await, two.done.recv().await].map(Option::unwrap);
        next.sort();
        assert_eq!(next, ["one ends", "two begins"]);
    }
}
