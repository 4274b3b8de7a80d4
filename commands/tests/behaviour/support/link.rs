//! The way from the replicas to the bus, which can be cut.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_messaging::{
    Bus, BusError, EventFeed, FeedError, FeedEvent, Headers, LocalBus, Payload, RequestStream,
    Subscription,
};
use futures::StreamExt as _;
use tokio::sync::watch;

/// Clones are the same way.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    bus: LocalBus,
    cut: Arc<watch::Sender<bool>>,
    /// Whether commands of parties come this way.
    serves: bool,
}

impl Link {
    pub(super) fn new(bus: LocalBus) -> Self {
        Self {
            bus,
            cut: Arc::default(),
            serves: true,
        }
    }

    /// The same way for a replica that no command of a party reaches.
    pub(super) fn without_parties(&self) -> Self {
        Self {
            serves: false,
            ..self.clone()
        }
    }

    /// Cuts it, or mends it.
    pub(crate) fn cut(&self, cut: bool) {
        self.cut.send_replace(cut);
    }

    fn open(&self) -> Result<&LocalBus, BusError> {
        if *self.cut.borrow() {
            return Err(BusError::Connection("it is cut".into()));
        }
        Ok(&self.bus)
    }
}

#[async_trait]
impl Bus for Link {
    async fn publish(&self, to: &str, text: Payload, headers: Headers) -> Result<(), BusError> {
        Bus::publish(self.open()?, to, text, headers).await
    }

    async fn subscribe(&self, subject: &str) -> Result<Subscription, BusError> {
        self.open()?.subscribe(subject).await
    }

    async fn request(&self, to: &str, text: Payload, limit: Duration) -> Result<Payload, BusError> {
        self.open()?.request(to, text, limit).await
    }

    async fn serve(&self, subject: &str, queue: &str) -> Result<RequestStream, BusError> {
        let bus = self.open()?;
        if !self.serves {
            return Err(BusError::Connection("no parties here".into()));
        }
        let requests = bus.serve(subject, queue).await?;
        let mut cut = self.cut.subscribe();
        let cut = async move { drop(cut.wait_for(|cut| *cut).await) };
        Ok(RequestStream::new(requests.take_until(Box::pin(cut))))
    }

    fn is_reachable(&self) -> bool {
        !*self.cut.borrow()
    }
}

#[async_trait]
impl EventFeed for Link {
    fn keeps(&self) -> bool {
        self.bus.keeps()
    }

    async fn last(&self) -> Result<Option<u64>, FeedError> {
        self.open()?.last().await
    }

    async fn publish(&self, after: Option<u64>, events: &[FeedEvent]) -> Result<(), FeedError> {
        EventFeed::publish(self.open()?, after, events).await
    }

    async fn follow(&self, name: &str, subjects: &[String]) -> Result<Subscription, FeedError> {
        self.open()?.follow(name, subjects).await
    }
}
