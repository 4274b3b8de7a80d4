//! The command side: HTTP endpoints, command handling, the session coordinator
//! and the relay.
//!
//! Every request carries an intent that the account signed; nothing here can
//! authorise anything by itself. Appends are checked against the versions that
//! the decision was made on, so any number of replicas may run over one log.

mod config;
mod coordinator;
mod error;
mod health;
pub mod http;
mod load;
pub mod metrics;
mod own;
mod relay;
mod repository;
mod responder;
mod rosters;
mod service;
mod tokens;
mod turns;
mod waiter;

pub use config::{Clock, CommandsConfig, Entropy, KindPolicy, SessionPolicy};
pub use error::CommandError;
pub use http::router;
pub use service::{Accepted, Commands, RunError, SessionRef};
