//! How the parts of Countersign talk: subjects, signed envelopes, sealed
//! protocol frames, and the ports of the bus and the feed with their in-process and NATS
//! adapters.
//!
//! The bus is trusted with nothing. Whoever can publish on it can at worst keep
//! messages from arriving: protocol frames ([`frame`]) and everything else that
//! a party says ([`party_command`], [`presence`], [`progress`]) are signed by its
//! pinned identity key ([`identity`]), and what is secret is sealed to its
//! receiver ([`frame`], [`invitation`]).

use std::sync::Arc;

use countersign_domain::Timestamp;

pub mod bus;
mod channel;
pub mod envelope;
pub mod feed;
pub mod frame;
pub mod head;
pub mod identity;
pub mod invitation;
pub mod metrics;
pub mod nats;
pub mod party_command;
pub mod presence;
pub mod progress;
mod seal;
pub mod subject;
mod transcript;

pub use bus::local::LocalBus;
pub use bus::{Bus, BusError, Headers, Message, Payload, Request, RequestStream, Subscription};
pub use feed::{EventFeed, FeedError, FeedEvent};
pub use identity::IdentityKeys;

/// Tells the time, so that tests can.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
