//! Webhooks against real receivers.

mod clock;
mod delivery;
mod endpoints;
mod inside;
mod receiver;
mod retries;
mod schedule;
mod seal;
mod stores;
mod tls;
mod world;
