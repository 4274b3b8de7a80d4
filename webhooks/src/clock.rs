//! Time, which tests make pass as they like.

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use countersign_domain::Timestamp;

/// Tells the time, and waits for it.
#[async_trait]
pub trait Clock: Send + Sync + Debug {
    /// The present.
    fn now(&self) -> Timestamp;

    /// Until it is `at`.
    async fn until(&self, at: Timestamp);
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// A long wait looks at the clock again so often, for it may have been set.
const LOOK: Duration = Duration::from_secs(60);

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_timestamp_micros(micros).unwrap_or_default()
    }

    async fn until(&self, at: Timestamp) {
        while let Ok(left) = (at - self.now()).to_std() {
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK)).await;
        }
    }
}
