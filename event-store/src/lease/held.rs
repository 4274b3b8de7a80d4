//! Work that one process at a time does, for as long as it holds a lease.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
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

/// Runs `work` whenever the lease is held, until `stop`. The token that `work` gets is
/// cancelled when the lease is lost or all is to stop; it must then return soon. Work
/// that returns by itself is begun again after `terms.standby`.
pub async fn while_held<W: Future<Output = ()>>(
    lease: Lease,
    stop: CancellationToken,
    mut work: impl FnMut(CancellationToken) -> W,
) {
    // What is ready at once is taken, even by one that was told to stop.
    while !stop.is_cancelled() && stop.run_until_cancelled(lease.acquire()).await.is_some() {
        let (name, holder) = (lease.name, lease.holder.as_str());
        tracing::info!(lease = name, holder, "the lease is held");
        let held = stop.child_token();
        let keeping = async {
            lease.keep().await;
            held.cancel();
            // What works comes to its end by itself.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = work(held.clone()) => {}
            () = keeping => {}
        }
        if !held.is_cancelled() {
            stop.run_until_cancelled(sleep(lease.terms.standby)).await;
        }
    }
    lease.release().await;
}

impl Lease {
    /// Until the lease is ours.
    async fn acquire(&self) {
        let mut failing = false;
        loop {
            match self.ask().await {
                Ok(true) => return,
                Ok(false) => failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(lease = self.name, %error, "the lease cannot be asked for");
                    }
                }
            }
            sleep(self.terms.standby).await;
        }
    }

    /// Until the lease is lost.
    async fn keep(&self) {
        let ttl = self.terms.ttl;
        let mut held = Instant::now();
        loop {
            sleep(self.terms.renewal).await;
            let asked = Instant::now();
            match timeout(ttl, self.ask()).await {
                Ok(Ok(true)) => held = asked,
                Ok(Ok(false)) => {
                    tracing::warn!(lease = self.name, "another process holds the lease now");
                    return;
                }
                Ok(Err(_)) | Err(_) if held.elapsed() < ttl => {}
                Ok(Err(_)) | Err(_) => {
                    tracing::warn!(lease = self.name, "the lease ran out");
                    return;
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

    /// Two that want to work; what they did, in order.
    struct Two {
        book: Arc<Book>,
        done: tokio::sync::mpsc::UnboundedReceiver<String>,
        stops: Vec<CancellationToken>,
        tasks: Vec<tokio::task::JoinHandle<()>>,
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
            tasks.push(tokio::spawn(while_held(lease, stop, move |held| {
                let tell = tell.clone();
                async move {
                    tell.send(format!("{name} begins")).expect("heard");
                    held.cancelled().await;
                    tell.send(format!("{name} ends")).expect("heard");
                }
            })));
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
            task.await.unwrap();
        }
        assert_eq!(two.book.released.load(Ordering::SeqCst), 2);
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
