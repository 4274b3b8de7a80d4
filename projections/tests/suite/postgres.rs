//! The read models in PostgreSQL, on a real server.

pub(crate) mod fixture;
mod past;
mod projecting;
mod rebuilding;
mod same_as_memory;
mod servers;
mod snapshots;
mod verifying;
