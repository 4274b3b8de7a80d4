//! The read models in PostgreSQL, on a real server.

mod fixture;
mod projecting;
mod rebuilding;
mod same_as_memory;
mod servers;
mod verifying;
