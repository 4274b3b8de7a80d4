//! Query endpoints over the read models and the event log.
//!
//! [`ReadApi`] holds what they read from, [`router()`] serves them, and beside them the
//! console, which shows the same to people. All of them are `GET`, and keep to this:
//!
//! - every answer tells in the header `Countersign-Position` up to which event
//!   the read models were when it was made; it may show later events too;
//! - every query but the event stream takes `min_position` and waits until the read models are there,
//!   so that one reads one's own writes;
//! - one account, key or session is shown as it was, from the log, with `as_of`;
//! - a parameter that is unknown, malformed or out of range is refused by name;
//! - who may see which event is decided in one place, a [`Visibility`];
//! - everything that goes wrong is a problem document (RFC 9457), made in
//!   [`problem`] and nowhere else.

mod accounts;
mod answer;
mod api;
mod as_of;
mod checkpoints;
mod console;
mod events;
mod finish;
mod health;
mod keys;
mod lists;
pub mod metrics;
mod parties;
pub mod problem;
mod query;
mod roster;
mod router;
mod sessions;
mod stream;
mod trace;
mod visibility;

pub use api::{Clock, Entropy, ReadApi, ReadApiConfig};
pub use router::router;
pub use stream::StreamSettings;
pub use visibility::{Everybody, Viewer, Visibility};
