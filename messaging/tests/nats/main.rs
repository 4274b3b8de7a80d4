//! The ports over real NATS servers.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]
#![allow(
    clippy::disallowed_methods,
    reason = "subjects that no other test has on a shared server"
)]

mod connect;
mod contract;
mod feed;
mod follow;
mod head;
mod outage;
mod permissions;
mod support;
