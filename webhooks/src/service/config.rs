//! What the service is made of.

use std::fmt;
use std::sync::Arc;

use countersign_event_store::{EventLog, Leases};

use crate::clock::Clock;
use crate::schedule::Schedule;
use crate::seal::SealKey;
use crate::send::SendSettings;
use crate::store::WebhookStore;

/// Makes up ids.
pub type Entropy = Arc<dyn Fn() -> [u8; 16] + Send + Sync>;

/// What [`Webhooks`](super::Webhooks) is made of.
pub struct WebhooksConfig {
    /// The event log.
    pub log: Arc<dyn EventLog>,
    /// Where subscriptions are kept.
    pub store: Arc<dyn WebhookStore>,
    /// Says which process delivers.
    pub leases: Arc<dyn Leases>,
    /// A name that no other process has.
    pub replica: String,
    /// What secrets are sealed under, the same in all processes.
    pub key: SealKey,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes up ids of subscriptions and traces.
    pub entropy: Entropy,
    /// How messages are sent.
    pub send: SendSettings,
    /// When they are sent again.
    pub schedule: Schedule,
    /// How many events given up in a row disable a subscription.
    pub disable_after: u32,
    /// How many messages are under way at once.
    pub concurrency: u32,
    /// How many subscriptions there may be.
    pub max: u32,
}

impl fmt::Debug for WebhooksConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhooksConfig").finish_non_exhaustive()
    }
}
