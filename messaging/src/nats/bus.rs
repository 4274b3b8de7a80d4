//! The bus over core NATS.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State as ConnectionState;
use async_nats::{Client, PublishErrorKind, RequestErrorKind, Subject, Subscriber};
use async_trait::async_trait;
use futures::StreamExt as _;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::config::NatsConfig;
use super::connect;
use super::convert;
use super::state::State;
use crate::bus::{Bus, BusError, Headers, Incoming, Payload, Request, RequestStream, Subscription};
use crate::subject::{is_pattern, is_subject};

/// Marks the answer to a request that was dropped without a reply.
const NO_REPLY: &str = "Cs-No-Reply";

/// A connection to NATS as a [`Bus`]. Clones are the same connection.
///
/// It is made again by itself when it is lost, and subscriptions go on. What was
/// published meanwhile is lost, as on any core NATS.
#[derive(Clone)]
pub struct NatsBus {
    client: Client,
    state: Arc<State>,
    send_timeout: Duration,
}

impl NatsBus {
    /// Connects.
    ///
    /// # Errors
    /// [`BusError::Connection`] with a [`ConnectError`](super::ConnectError) as its
    /// source, which says in words what is wrong.
    pub async fn connect(config: &NatsConfig) -> Result<Self, BusError> {
        let state = Arc::new(State::new());
        let client = connect::connect(config, &state).await?;
        if client.connection_state() == ConnectionState::Connected {
            state.set(true);
        }
        Ok(Self {
            client,
            state,
            send_timeout: config.send_timeout,
        })
    }

    /// Whether the connection stands now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == ConnectionState::Connected
    }

    /// Whether the connection stands, as it changes.
    #[must_use]
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.state.connected()
    }

    /// Returns when the server has taken all that was published here. It says so on an
    /// inbox of this connection's own.
    ///
    /// What is published while the connection is lost can be lost with it: whoever must
    /// know compares [`NatsBus::losses`] before and after.
    ///
    /// # Errors
    /// [`BusError::Connection`] when it does not say so in time,
    /// [`BusError::Refused`] when it has refused anything since the connection was made.
    pub async fn confirm(&self) -> Result<(), BusError> {
        self.ready().await?;
        let asked = self.client.request(self.client.new_inbox(), Payload::new());
        match timeout(self.send_timeout, asked).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => {}
            Ok(Err(error)) => return Err(BusError::Connection(error.into())),
            Err(_) => {
                return Err(BusError::Connection(
                    "it does not confirm what was published: may this user publish to its own \
                     inbox?"
                        .into(),
                ));
            }
        }
        match self.state.refused() {
            Some(refused) => Err(BusError::Refused(refused.into())),
            None => Ok(()),
        }
    }

    /// How often the connection was lost so far.
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.state.losses()
    }

    /// Sends what was published, and closes the connection; subscriptions end.
    pub async fn close(&self) {
        let drained = timeout(self.send_timeout, async {
            let _ = self.client.flush().await;
            let _ = self.client.drain().await;
        });
        if drained.await.is_err() {
            tracing::warn!("what was last published may not have left");
        }
        self.state.close();
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Waits for the connection, but not for long.
    pub(super) async fn ready(&self) -> Result<(), BusError> {
        if self.is_connected() {
            return Ok(());
        }
        let mut connected = self.state.connected();
        match timeout(self.send_timeout, connected.wait_for(|now| *now)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(BusError::Connection(
                "the connection to NATS is lost".into(),
            )),
        }
    }

    /// Until the server has taken what was sent before: nobody answers on a fresh
    /// inbox, which the server says at once. While there is no connection there is
    /// nothing to wait for: subscriptions are made when there is one.
    async fn settle(&self) {
        if !self.is_connected() {
            return;
        }
        let inbox = self.client.new_inbox();
        let asked = self.client.request(inbox, Payload::new());
        if timeout(self.send_timeout, asked).await.is_err() && self.is_connected() {
            tracing::warn!(
                "NATS does not confirm a subscription: may this user publish to its own inbox?"
            );
        }
    }

    async fn bounded<T>(
        &self,
        sent: impl Future<Output = Result<T, BusError>>,
    ) -> Result<T, BusError> {
        self.ready().await?;
        timeout(self.send_timeout, sent).await.unwrap_or_else(|_| {
            Err(BusError::Connection(
                "NATS takes nothing at the moment".into(),
            ))
        })
    }

    /// Answers one request when its reply comes, or tells that none will.
    fn answer(&self, to: Option<Subject>) -> mpsc::Sender<Payload> {
        let (sender, mut replies) = mpsc::channel(1);
        let client = self.client.clone();
        if let Some(to) = to {
            tokio::spawn(async move {
                let sent = match replies.recv().await {
                    Some(reply) => client.publish(to, reply).await,
                    None => {
                        let mut headers = async_nats::HeaderMap::new();
                        headers.insert(NO_REPLY, "1");
                        client
                            .publish_with_headers(to, headers, Payload::new())
                            .await
                    }
                };
                if let Err(error) = sent {
                    tracing::warn!(%error, "a reply was not sent");
                }
            });
        }
        sender
    }
}

impl fmt::Debug for NatsBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsBus")
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Bus for NatsBus {
    fn is_reachable(&self) -> bool {
        self.is_connected()
    }

    async fn publish(
        &self,
        subject: &str,
        payload: Payload,
        headers: Headers,
    ) -> Result<(), BusError> {
        if !is_subject(subject) {
            return Err(BusError::Subject(subject.to_owned()));
        }
        let to = Subject::from(subject);
        self.bounded(async {
            match convert::to_nats(&headers) {
                Some(headers) => self.client.publish_with_headers(to, headers, payload).await,
                None => self.client.publish(to, payload).await,
            }
            .map_err(|error| match error.kind() {
                PublishErrorKind::Send => BusError::Connection(error.into()),
                _ => BusError::Refused(error.into()),
            })
        })
        .await
    }

    async fn subscribe(&self, subject: &str) -> Result<Subscription, BusError> {
        if !is_pattern(subject) {
            return Err(BusError::Subject(subject.to_owned()));
        }
        let subscriber = self.client.subscribe(subject.to_owned());
        let subscriber = bound(self.send_timeout, subscriber).await?;
        self.settle().await;
        Ok(Incoming::new(subscriber.map(convert::message)))
    }

    async fn request(
        &self,
        subject: &str,
        payload: Payload,
        limit: Duration,
    ) -> Result<Payload, BusError> {
        if !is_subject(subject) {
            return Err(BusError::Subject(subject.to_owned()));
        }
        let late = || BusError::Timeout {
            subject: subject.to_owned(),
            timeout: limit,
        };
        let request = async_nats::Request::new().payload(payload).timeout(None);
        let answer = async {
            self.ready().await?;
            let sent = self.client.send_request(subject.to_owned(), request);
            sent.await.map_err(|error| match error.kind() {
                RequestErrorKind::NoResponders => BusError::NoResponders(subject.to_owned()),
                RequestErrorKind::TimedOut => late(),
                RequestErrorKind::Other => BusError::Connection(error.into()),
                _ => BusError::Refused(error.into()),
            })
        };
        let reply = timeout(limit, answer)
            .await
            .unwrap_or_else(|_| Err(late()))?;
        let dropped = reply
            .headers
            .is_some_and(|headers| headers.get(NO_REPLY).is_some());
        if dropped {
            return Err(BusError::NoReply(subject.to_owned()));
        }
        Ok(reply.payload)
    }

    async fn serve(&self, subject: &str, queue: &str) -> Result<RequestStream, BusError> {
        if !is_pattern(subject) {
            return Err(BusError::Subject(subject.to_owned()));
        }
        let subscriber = self
            .client
            .queue_subscribe(subject.to_owned(), queue.to_owned());
        let subscriber = bound(self.send_timeout, subscriber).await?;
        self.settle().await;
        let bus = self.clone();
        Ok(Incoming::new(subscriber.map(move |message| {
            let reply = bus.answer(message.reply);
            Request::new(message.subject.as_str().into(), message.payload, reply)
        })))
    }
}

async fn bound(
    limit: Duration,
    subscribed: impl Future<Output = Result<Subscriber, async_nats::SubscribeError>>,
) -> Result<Subscriber, BusError> {
    match timeout(limit, subscribed).await {
        Ok(Ok(subscriber)) => Ok(subscriber),
        Ok(Err(error)) => Err(BusError::Connection(error.into())),
        Err(_) => Err(BusError::Connection(
            "NATS takes nothing at the moment".into(),
        )),
    }
}
