//! The bus: a port with the semantics of core NATS.
//!
//! Publishing reaches whoever is subscribed now, at most once; a subscriber that
//! does not keep up loses messages and nobody waits for it. Requests go to one
//! member of a queue group. Nothing on the bus is kept: the event log is the
//! truth, and protocols ask for what they missed.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{BoxStream, Stream, StreamExt as _};
use tokio::sync::mpsc;

pub mod headers;
pub mod local;

pub use headers::Headers;

/// The bytes of a message; cloning shares them.
pub type Payload = bytes::Bytes;

/// One message as a subscriber receives it.
#[derive(Debug, Clone)]
pub struct Message {
    /// The subject it was published on.
    pub subject: Arc<str>,
    /// Its bytes.
    pub payload: Payload,
    /// Its headers.
    pub headers: Headers,
}

/// One request as a member of a queue group receives it. Dropped without a
/// reply, it fails at the requester.
#[derive(Debug)]
pub struct Request {
    /// The subject it was sent to.
    pub subject: Arc<str>,
    /// Its bytes.
    pub payload: Payload,
    reply: mpsc::Sender<Payload>,
}

impl Request {
    /// A request whose reply goes into `reply` (for adapters).
    #[must_use]
    pub fn new(subject: Arc<str>, payload: Payload, reply: mpsc::Sender<Payload>) -> Self {
        Self {
            subject,
            payload,
            reply,
        }
    }

    /// Answers it. A requester that has given up is no error.
    pub fn reply(self, payload: impl Into<Payload>) {
        // Full: another queue group was faster. Closed: nobody waits any more.
        let _ = self.reply.try_send(payload.into());
    }
}

/// What went wrong on the bus.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// Not a subject, or for a subscription not a pattern.
    #[error("`{0}` is not a valid subject here")]
    Subject(String),
    /// Nobody serves the subject of a request.
    #[error("nobody answers on `{0}`")]
    NoResponders(String),
    /// No reply in time. The request may have been handled all the same.
    #[error("no reply on `{subject}` within {timeout:?}")]
    Timeout {
        /// Where the request was sent.
        subject: String,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// The responder went away without a reply. The request may have been
    /// handled all the same.
    #[error("the responder on `{0}` went away without a reply")]
    NoReply(String),
    /// The bus does not take such a message.
    #[error("the bus does not take the message: {0}")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection failed.
    #[error("the bus is not reachable: {0}")]
    Connection(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Publish, subscribe, request and serve.
#[async_trait]
pub trait Bus: Send + Sync + fmt::Debug {
    /// Publishes to every current subscriber. Never waits for one.
    async fn publish(
        &self,
        subject: &str,
        payload: Payload,
        headers: Headers,
    ) -> Result<(), BusError>;

    /// Subscribes to a subject or pattern, from now until the subscription is
    /// dropped.
    async fn subscribe(&self, subject: &str) -> Result<Subscription, BusError>;

    /// Sends a request and waits for the reply.
    async fn request(
        &self,
        subject: &str,
        payload: Payload,
        timeout: Duration,
    ) -> Result<Payload, BusError>;

    /// Joins the queue group `queue` on a subject or pattern: each request
    /// reaches one member of it.
    async fn serve(&self, subject: &str, queue: &str) -> Result<RequestStream, BusError>;

    /// Whether it can be reached now, as far as this process knows.
    fn is_reachable(&self) -> bool {
        true
    }
}

/// What a subscription receives.
pub type Subscription = Incoming<Message>;

/// What a member of a queue group receives.
pub type RequestStream = Incoming<Request>;

/// A stream of what arrives; dropping it unsubscribes.
pub struct Incoming<T>(BoxStream<'static, T>);

impl<T> Incoming<T> {
    /// Wraps the stream of an adapter, which must unsubscribe when dropped.
    pub fn new(stream: impl Stream<Item = T> + Send + 'static) -> Self {
        Self(stream.boxed())
    }

    /// The next arrival; none when the bus has shut down. Cancel safe.
    pub async fn next(&mut self) -> Option<T> {
        self.0.next().await
    }
}

impl<T> Stream for Incoming<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_next_unpin(cx)
    }
}

impl<T> fmt::Debug for Incoming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Incoming")
    }
}
