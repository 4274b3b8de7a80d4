//! The bus inside one process.
//!
//! Payloads are shared, not copied. A subscriber's queue is bounded: when it is
//! full, what comes next is dropped for this subscriber and counted, and the
//! publisher goes on, as core NATS does with a slow consumer.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream;
use tokio::sync::mpsc;

use super::{Bus, BusError, Headers, Incoming, Payload, Request, RequestStream, Subscription};
use crate::subject::{is_pattern, is_subject};

mod feed;
mod routes;

use routes::{Offered, Routes};

/// Messages that a subscriber may be behind before it loses some.
pub const CAPACITY: usize = 4096;

/// An in-process [`Bus`]. Clones are the same bus.
#[derive(Clone)]
pub struct LocalBus(Arc<Inner>);

struct Inner {
    routes: RwLock<Routes>,
    capacity: usize,
    next_id: AtomicU64,
    dropped: AtomicU64,
    /// Position of the last event that was published as one of the feed.
    last: Mutex<Option<u64>>,
}

impl LocalBus {
    /// A bus with queues of [`CAPACITY`] messages.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// A bus with queues of `capacity` messages, at least one.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Arc::new(Inner {
            routes: RwLock::default(),
            capacity: capacity.max(1),
            next_id: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            last: Mutex::default(),
        }))
    }

    /// How many messages slow subscribers have lost so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// How many subscriptions and queue group members there are now.
    #[must_use]
    pub fn listeners(&self) -> usize {
        self.0.read().len()
    }

    /// Delivers to every current subscriber, and counts those that lose it.
    fn deliver(&self, subject: &str, payload: &Payload, headers: &Headers) {
        let dropped = self.0.read().publish(subject, payload, headers);
        if dropped > 0 {
            self.0.dropped.fetch_add(dropped, Ordering::Relaxed);
            metrics::counter!(crate::metrics::SLOW_CONSUMERS).increment(dropped);
        }
    }

    /// One queue for all `patterns`; what fits several of them comes several times.
    fn listen<T: Send + 'static>(
        &self,
        patterns: &[impl AsRef<str>],
        add: impl Fn(&mut Routes, &str, u64, mpsc::Sender<T>),
    ) -> Result<Incoming<T>, BusError> {
        let patterns: Box<[Box<str>]> = patterns.iter().map(|it| it.as_ref().into()).collect();
        if let Some(bad) = patterns.iter().find(|pattern| !is_pattern(pattern)) {
            return Err(BusError::Subject(bad.to_string()));
        }
        let (sender, receiver) = mpsc::channel(self.0.capacity);
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let mut routes = self.0.write();
        for pattern in &patterns {
            add(&mut routes, pattern, id, sender.clone());
        }
        drop(routes);
        let registration = Registration {
            bus: Arc::downgrade(&self.0),
            patterns,
            id,
        };
        Ok(Incoming::new(stream::unfold(
            (receiver, registration),
            |(mut receiver, registration)| async {
                let item = receiver.recv().await?;
                Some((item, (receiver, registration)))
            },
        )))
    }
}

impl Default for LocalBus {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LocalBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalBus")
            .field("listeners", &self.listeners())
            .field("dropped", &self.dropped())
            .finish()
    }
}

impl Inner {
    // The routes are valid between any two statements, so a panic elsewhere
    // while the lock was held leaves nothing to repair.
    fn read(&self) -> RwLockReadGuard<'_, Routes> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Routes> {
        self.routes.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a listener off the routes when its stream is dropped.
struct Registration {
    bus: Weak<Inner>,
    patterns: Box<[Box<str>]>,
    id: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(bus) = self.bus.upgrade() {
            let mut routes = bus.write();
            for pattern in &self.patterns {
                routes.remove(pattern, self.id);
            }
        }
    }
}

#[async_trait]
impl Bus for LocalBus {
    async fn publish(
        &self,
        subject: &str,
        payload: Payload,
        headers: Headers,
    ) -> Result<(), BusError> {
        if !is_subject(subject) {
            return Err(BusError::Subject(subject.to_owned()));
        }
        self.deliver(subject, &payload, &headers);
        Ok(())
    }

    async fn subscribe(&self, subject: &str) -> Result<Subscription, BusError> {
        self.listen(&[subject], |routes, subject, id, sender| {
            routes.add_subscriber(subject, id, sender);
        })
    }

    async fn request(
        &self,
        subject: &str,
        payload: Payload,
        timeout: Duration,
    ) -> Result<Payload, BusError> {
        if !is_subject(subject) {
            return Err(BusError::Subject(subject.to_owned()));
        }
        let (reply, mut replies) = mpsc::channel(1);
        let request = || Request::new(subject.into(), payload.clone(), reply.clone());
        let offered = self.0.read().offer(subject, request);
        drop(reply);
        let answer = async {
            match offered {
                Offered::Nobody => return Err(BusError::NoResponders(subject.to_owned())),
                Offered::Taken => {}
                Offered::Busy(member, request) => {
                    // Every member is behind: wait for room. A member that went
                    // away meanwhile drops the request, which ends `replies`.
                    let _ = member.send(request).await;
                }
            }
            replies
                .recv()
                .await
                .ok_or_else(|| BusError::NoReply(subject.to_owned()))
        };
        tokio::time::timeout(timeout, answer)
            .await
            .unwrap_or_else(|_| {
                Err(BusError::Timeout {
                    subject: subject.to_owned(),
                    timeout,
                })
            })
    }

    async fn serve(&self, subject: &str, queue: &str) -> Result<RequestStream, BusError> {
        self.listen(&[subject], |routes, subject, id, sender| {
            routes.add_member(subject, queue, id, sender);
        })
    }
}
