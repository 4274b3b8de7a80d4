//! The feed: committed events, published in the order of the log, for followers
//! that may be away for a while. A port; NATS JetStream and the in-process bus are
//! its adapters.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::bus::{BusError, Headers, Payload, Subscription};

/// An event as the relay publishes it.
#[derive(Clone, Debug)]
pub struct FeedEvent {
    /// Its position in the log.
    pub position: u64,
    /// The subject, see [`subject::events`](crate::subject::events).
    pub subject: String,
    /// The envelope, as JSON.
    pub payload: Payload,
    /// The position among them.
    pub headers: Headers,
}

/// Why the feed could not take or give events.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// Somebody else has published: go on after this position.
    #[error("the feed is at position {last}, not where this relay left it")]
    Overtaken {
        /// The position of the last event in the feed.
        last: u64,
    },
    /// The feed's stream is set up in a way that this program cannot work with.
    #[error("the event feed cannot be used: {0}")]
    Setup(String),
    /// The server is there and says nothing about the stream. It may later.
    #[error("the event feed does not answer: {0}")]
    Silent(String),
    /// The bus.
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Publishes and follows committed events.
#[async_trait]
pub trait EventFeed: Send + Sync + Debug {
    /// Whether it keeps events for followers that are away. One that does gets the
    /// whole log, from its first event on; one that does not gets what is appended
    /// from now on.
    fn keeps(&self) -> bool;

    /// Position of the last event that was published; none when nothing ever was.
    async fn last(&self) -> Result<Option<u64>, FeedError>;

    /// Publishes events at contiguous positions, in order, of which the first
    /// follows `after` (what [`last`](Self::last) or the call before came to; none
    /// for a feed that is empty). When it returns, all of them are kept.
    ///
    /// Two relays never interleave: the one that is not where the feed is gets
    /// [`FeedError::Overtaken`]. After any other error, ask for `last` again.
    async fn publish(&self, after: Option<u64>, events: &[FeedEvent]) -> Result<(), FeedError>;

    /// Follows subjects (or patterns) as the follower `name`. A feed that keeps
    /// events goes on where the follower of this name left off; at its first time
    /// it begins with what is published from now on. An event may come again after
    /// a failure: tell it by its position.
    async fn follow(&self, name: &str, subjects: &[String]) -> Result<Subscription, FeedError>;
}
