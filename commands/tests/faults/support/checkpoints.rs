//! Checkpoints that outlive a replica.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use countersign_event_store::{Checkpoints, LogError};

use super::world::soon;

#[derive(Debug, Default)]
pub(crate) struct TestCheckpoints(Mutex<HashMap<String, u64>>);

impl TestCheckpoints {
    /// What is kept for the coordinator.
    pub(crate) fn coordinator(&self) -> u64 {
        let kept = self.0.lock().expect("not poisoned");
        kept.get("coordinator").copied().unwrap_or(0)
    }

    /// Waits until the coordinator keeps a position, or one after it.
    pub(crate) async fn reach(&self, position: u64) {
        let kept = async {
            while self.coordinator() < position {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        soon(kept).await;
    }
}

#[async_trait]
impl Checkpoints for TestCheckpoints {
    async fn load(&self, name: &str) -> Result<u64, LogError> {
        let kept = self.0.lock().expect("not poisoned");
        Ok(kept.get(name).copied().unwrap_or(0))
    }

    async fn save(&self, name: &str, position: u64) -> Result<(), LogError> {
        let mut kept = self.0.lock().expect("not poisoned");
        let position = position.max(kept.get(name).copied().unwrap_or(0));
        kept.insert(name.to_owned(), position);
        Ok(())
    }
}
