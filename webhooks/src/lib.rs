//! Webhooks: events of the log, delivered to the URLs that subscribed to them.
//!
//! [`Webhooks`] manages subscriptions and delivers; [`router()`] serves its endpoints.
//! Messages follow the Standard Webhooks specification (<https://www.standardwebhooks.com>).
//!
//! Invariants:
//!
//! - an event that a subscription asks for is delivered at least once, in the order of
//!   the log, or set aside as a dead letter that says why;
//! - a message reaches public addresses and the networks that the operator has named,
//!   whatever a URL says and whatever its host means by then ([`Policy`]);
//! - a subscription's secret is told when it is made, and is sealed at rest.

mod clock;
mod deliver;
mod http;
mod message;
pub mod metrics;
mod policy;
mod resolve;
mod schedule;
mod seal;
mod secret;
mod send;
mod service;
pub mod store;
mod subscription;

pub use clock::{Clock, SystemClock};
pub use http::router;
pub use message::TEST_TYPE;
pub use policy::{BadNetwork, MAX_URL, Policy, Target, UrlRefused, parse_network};
pub use resolve::{Resolve, SystemResolver};
pub use schedule::Schedule;
pub use seal::{NoSealKey, SealError, SealKey, Sealed};
pub use secret::{PREFIX as SECRET_PREFIX, Secret};
pub use send::{BadAuthorities, SendSettings, authorities};
pub use service::{
    Attempted, Entropy, NewWebhook, Status, WebhookChange, WebhookError, Webhooks, WebhooksConfig,
};
pub use store::{PostgresWebhooks, SqliteWebhooks, WebhookStore};
pub use subscription::{DeadLetter, LastError, Pending, Previous, State, Subscription};
