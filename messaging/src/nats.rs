//! The bus and the feed over NATS: core NATS for what need not arrive, `JetStream`
//! for committed events.
//!
//! Everything here works on nats-server 2.9 and newer. [`NatsBus`] is one
//! connection; [`NatsFeed`] is the stream [`STREAM`] seen through it.

mod bus;
mod config;
mod connect;
mod convert;
mod error;
mod feed;
mod follow;
mod settings;
mod state;

pub use bus::NatsBus;
pub use config::{Credentials, NatsConfig, Tls};
pub use error::ConnectError;
pub use feed::NatsFeed;
pub use settings::{FeedSettings, Storage};

/// The stream of committed events.
pub const STREAM: &str = "CS_EVENTS";
