//! Time that passes when it is told to.

use async_trait::async_trait;
use chrono::Duration;
use countersign_domain::Timestamp;
use countersign_webhooks::{Clock, SystemClock};
use tokio::sync::watch;

#[derive(Debug)]
pub(crate) struct ManualClock(watch::Sender<Timestamp>);

impl ManualClock {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(SystemClock.now()))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now += by);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    async fn until(&self, at: Timestamp) {
        let mut now = self.0.subscribe();
        now.wait_for(|now| *now >= at).await.expect("a clock");
    }
}
