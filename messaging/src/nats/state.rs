//! The state of a connection: logged once when it changes, and told to whoever
//! waits for it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use async_nats::{Event, ServerError};
use tokio::sync::watch;

use crate::metrics::SLOW_CONSUMERS;

/// Hears a connection's events.
#[derive(Debug)]
pub(super) struct State {
    connected: watch::Sender<bool>,
    closed: watch::Sender<bool>,
    /// What was logged since the connection last changed; it comes again and again.
    told: Mutex<HashSet<String>>,
    /// How often the connection was lost.
    losses: AtomicU64,
    /// What the server has refused last.
    refused: Mutex<Option<String>>,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            connected: watch::Sender::new(false),
            closed: watch::Sender::new(false),
            told: Mutex::default(),
            losses: AtomicU64::new(0),
            refused: Mutex::default(),
        }
    }

    pub(super) fn connected(&self) -> watch::Receiver<bool> {
        self.connected.subscribe()
    }

    pub(super) fn closed(&self) -> watch::Receiver<bool> {
        self.closed.subscribe()
    }

    pub(super) fn losses(&self) -> u64 {
        self.losses.load(Ordering::Acquire)
    }

    pub(super) fn refused(&self) -> Option<String> {
        let refused = self.refused.lock();
        refused.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// For good.
    pub(super) fn close(&self) {
        self.set(false);
        self.closed.send_replace(true);
    }

    pub(super) fn set(&self, connected: bool) -> bool {
        self.connected
            .send_if_modified(|was| std::mem::replace(was, connected) != connected)
    }

    pub(super) fn hear(&self, event: &Event) {
        match event {
            Event::Connected => {
                self.told().clear();
                if self.set(true) {
                    tracing::info!("connected to NATS");
                }
            }
            Event::Closed => self.close(),
            Event::Disconnected => {
                self.losses.fetch_add(1, Ordering::AcqRel);
                self.told().clear();
                if self.set(false) {
                    tracing::warn!("the connection to NATS is lost");
                }
            }
            Event::SlowConsumer(subscription) => {
                metrics::counter!(SLOW_CONSUMERS).increment(1);
                if self.first(format!("slow {subscription}")) {
                    tracing::warn!(subscription, "a slow subscriber loses messages");
                }
            }
            Event::ServerError(ServerError::Other(error)) => {
                let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
                *refused = Some(error.clone());
                drop(refused);
                if self.first(error.clone()) {
                    tracing::error!(error, "the NATS server refuses something");
                }
            }
            Event::LameDuckMode => tracing::info!("the NATS server is about to stop"),
            event => {
                let text = event.to_string();
                if self.first(text.clone()) {
                    tracing::warn!(event = text, "NATS");
                }
            }
        }
    }

    fn first(&self, text: String) -> bool {
        self.told().insert(text)
    }

    fn told(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
