//! A feed whose events go over the bus of the house, faulty or not.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_messaging::{Bus, EventFeed, FeedError, FeedEvent, Subscription};
use futures::stream::select_all;

#[derive(Debug)]
pub(crate) struct OverBus(pub(crate) Arc<dyn Bus>);

#[async_trait]
impl EventFeed for OverBus {
    fn keeps(&self) -> bool {
        false
    }

    async fn last(&self) -> Result<Option<u64>, FeedError> {
        Ok(None)
    }

    async fn publish(&self, _: Option<u64>, events: &[FeedEvent]) -> Result<(), FeedError> {
        for event in events {
            let (payload, headers) = (event.payload.clone(), event.headers.clone());
            self.0.publish(&event.subject, payload, headers).await?;
        }
        Ok(())
    }

    async fn follow(&self, _: &str, subjects: &[String]) -> Result<Subscription, FeedError> {
        let mut followed = Vec::new();
        for subject in subjects {
            followed.push(self.0.subscribe(subject).await?);
        }
        Ok(Subscription::new(select_all(followed)))
    }
}
