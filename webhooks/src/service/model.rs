//! What is asked for, and what is told.

use countersign_event_store::EventFilter;
use serde::Serialize;
use uuid::Uuid;

use crate::subscription::Subscription;

/// A subscription to be made.
#[derive(Clone, Debug, Default)]
pub struct NewWebhook {
    /// Its id, by which a request that is sent again is known; without it, a new one.
    pub id: Option<Uuid>,
    /// Where events go.
    pub url: String,
    /// Which.
    pub filter: EventFilter,
    /// Position of the first event; without it, what is recorded from now on.
    pub from: Option<u64>,
}

/// What is to be changed.
#[derive(Clone, Debug, Default)]
pub struct WebhookChange {
    /// Where events go.
    pub url: Option<String>,
    /// Which.
    pub filter: Option<EventFilter>,
    /// Active or paused.
    pub active: Option<bool>,
}

/// A subscription, and how it stands.
#[derive(Clone, Debug)]
pub struct Status {
    /// The subscription.
    pub subscription: Subscription,
    /// The head of the log.
    pub head: u64,
    /// How many dead letters it has.
    pub dead_letters: u64,
}

/// What became of one attempt that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempted {
    /// Whether the receiver took it.
    pub delivered: bool,
    /// The status that it answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
