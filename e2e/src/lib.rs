//! Support for the tests and benchmarks of the whole system: a running
//! `countersign dev`, a plain HTTP client, and ceremonies without a system.

pub mod account;
pub mod ceremony;
pub mod cli;
pub mod dev;
pub mod http;
