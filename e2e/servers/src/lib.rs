//! Private PostgreSQL and NATS servers for tests and benchmarks.
//!
//! Tests that only need *a* server share the one that `scripts/test` starts and
//! names in `DATABASE_URL` and `NATS_URL`: [`database()`] makes a database of its own
//! in it, [`nats_url`] names the NATS server. Tests that stop, restart or fill a
//! server start a private one: [`Postgres`], [`Nats`]. Every server listens on a
//! free port of the loopback interface, keeps its files in a temporary folder, and
//! is stopped when its value is dropped, or when its process ends in any other way.

mod binaries;
mod database;
mod guard;
mod nats;
mod postgres;
mod process;

pub use binaries::{nats_server, postgres_folder};
pub use database::{Database, database, database_in, query};
pub use guard::Guard;
pub use nats::Nats;
pub use postgres::Postgres;
pub use process::{free_port, signal};

/// The NATS server that tests share.
///
/// # Panics
/// When `NATS_URL` is not set: run the tests by `scripts/test`.
#[must_use]
pub fn nats_url() -> String {
    std::env::var("NATS_URL").expect("NATS_URL names the test server: run scripts/test")
}
