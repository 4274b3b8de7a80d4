//! The feed inside one process: events are published on the bus, and not kept.

use std::sync::PoisonError;

use async_trait::async_trait;

use super::LocalBus;
use crate::bus::{BusError, Subscription};
use crate::feed::{EventFeed, FeedError, FeedEvent};
use crate::subject::is_subject;

#[async_trait]
impl EventFeed for LocalBus {
    fn keeps(&self) -> bool {
        false
    }

    async fn last(&self) -> Result<Option<u64>, FeedError> {
        Ok(*self.0.last.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn publish(&self, after: Option<u64>, events: &[FeedEvent]) -> Result<(), FeedError> {
        // Held throughout, so that two relays do not interleave.
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = *last
            && Some(last) != after
        {
            return Err(FeedError::Overtaken { last });
        }
        for event in events {
            if !is_subject(&event.subject) {
                return Err(BusError::Subject(event.subject.clone()).into());
            }
            self.deliver(&event.subject, &event.payload, &event.headers);
            *last = Some(event.position);
        }
        Ok(())
    }

    async fn follow(&self, _name: &str, subjects: &[String]) -> Result<Subscription, FeedError> {
        Ok(self.listen(subjects, |routes, subject, id, sender| {
            routes.add_subscriber(subject, id, sender);
        })?)
    }
}
