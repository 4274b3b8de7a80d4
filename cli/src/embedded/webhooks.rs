//! Webhooks of the embedded system.

use std::path::PathBuf;
use std::sync::Arc;

use countersign_event_store::{LocalLeases, SqliteLog};
use countersign_webhooks::{
    Schedule, SealKey, SendSettings, SqliteWebhooks, SystemClock, Webhooks, WebhooksConfig,
};

use super::DataDir;
use crate::clock::entropy;
use crate::failure::{Failure, Outcome};
use crate::role::in_full;

/// What is given before anything is open.
pub(super) struct Wanted {
    file: PathBuf,
    key: SealKey,
    send: SendSettings,
}

impl Wanted {
    pub(super) fn of(directory: &DataDir, send: SendSettings) -> Outcome<Self> {
        Ok(Self {
            key: directory.webhooks_key()?,
            file: directory.webhooks(),
            send,
        })
    }

    /// Opens the store of subscriptions to the events of `log`.
    pub(super) async fn open(self, log: Arc<SqliteLog>) -> Outcome<Arc<Webhooks>> {
        let store = SqliteWebhooks::open(&self.file)
            .await
            .map_err(|error| Failure::data(in_full(&error)))?;
        Ok(Arc::new(Webhooks::new(WebhooksConfig {
            log,
            store: Arc::new(store),
            leases: Arc::new(LocalLeases),
            replica: "embedded".to_owned(),
            key: self.key,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(entropy::<16>),
            send: self.send,
            schedule: Schedule::default(),
            disable_after: 5,
            concurrency: 32,
            max: 100,
        })))
    }
}
