//! The feed over a `JetStream` stream.
//!
//! Every event of the log is published once, in order, so the sequence of an event
//! in the stream is its position in the log, as long as nobody but relays publishes
//! there. What keeps relays from interleaving: every publication names the sequence
//! that it expects to be the last, so an event is stored only right after its
//! predecessor, whoever sends it and however late it arrives. Its position is in a
//! header.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use async_trait::async_trait;

use super::bus::NatsBus;
use super::follow;
use super::settings::FeedSettings;
use crate::bus::Subscription;
use crate::feed::{EventFeed, FeedError, FeedEvent};

mod publish;
mod stream;

/// How long the server may take for one answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Publications without an answer at a time.
const IN_FLIGHT: usize = 1024;

/// The stream of committed events as an [`EventFeed`]. Clones are the same.
#[derive(Clone)]
pub struct NatsFeed {
    bus: NatsBus,
    context: Context,
    /// What to set the stream up to, should it be gone; none for mere followers.
    settings: Option<FeedSettings>,
    /// The end of the stream as this process left it.
    tail: Arc<Mutex<Option<Tail>>>,
}

/// The end of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tail {
    /// Position of the last event; none when there never was one.
    position: Option<u64>,
    /// Sequence of the last message.
    sequence: u64,
}

impl NatsFeed {
    /// Sets the stream up as `settings` say, and publishes and follows there. For
    /// those that relay.
    ///
    /// # Errors
    /// [`FeedError::Setup`] when the server has no `JetStream`, does not let this
    /// user set up a stream, or has one that cannot be used; [`FeedError::Bus`] when
    /// it cannot be reached.
    pub async fn open(bus: &NatsBus, settings: FeedSettings) -> Result<Self, FeedError> {
        bus.ready().await?;
        let mut feed = Self::attach(bus);
        feed.set_up(&settings).await?;
        feed.settings = Some(settings);
        Ok(feed)
    }

    /// Takes the stream as it is, once it is there. For those that only follow; asks
    /// the server for nothing.
    #[must_use]
    pub fn attach(bus: &NatsBus) -> Self {
        let context = ContextBuilder::new()
            .timeout(ANSWER)
            .max_ack_inflight(IN_FLIGHT)
            .build(bus.client().clone());
        Self {
            bus: bus.clone(),
            context,
            settings: None,
            tail: Arc::default(),
        }
    }

    fn remember(&self, tail: Option<Tail>) {
        *self.tail.lock().unwrap_or_else(PoisonError::into_inner) = tail;
    }

    fn remembered(&self) -> Option<Tail> {
        *self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for NatsFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsFeed")
            .field("bus", &self.bus)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl EventFeed for NatsFeed {
    fn keeps(&self) -> bool {
        true
    }

    async fn last(&self) -> Result<Option<u64>, FeedError> {
        Ok(self.tail().await?.position)
    }

    async fn publish(&self, after: Option<u64>, events: &[FeedEvent]) -> Result<(), FeedError> {
        publish::all(self, after, events).await
    }

    async fn follow(&self, name: &str, subjects: &[String]) -> Result<Subscription, FeedError> {
        follow::follow(&self.bus, self.context.clone(), name, subjects).await
    }
}
