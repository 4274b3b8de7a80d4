//! Support for the tests and benchmarks of the whole system: a running
//! `countersign dev`, all the processes of `docker-compose.yml`, a plain HTTP client,
//! and ceremonies without a system.

pub mod account;
pub mod ceremony;
pub mod cli;
pub mod compose;
pub mod dev;
pub mod http;
pub mod load;
pub mod production;
pub mod sessions;
pub mod speed;
