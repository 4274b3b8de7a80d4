//! The PostgreSQL log keeps the contract, and what only it has to keep.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod connecting;
mod differential;
mod followers;
mod leases;
mod outages;
mod personal;
mod refusals;
mod support;
mod writer;

use std::sync::Arc;

use countersign_event_store::{EventLog, conformance_tests};
use countersign_test_servers::Database;

async fn open() -> (Arc<dyn EventLog>, Database) {
    let database = support::database().await;
    let log = support::open(&database.url).await;
    (Arc::new(log), database)
}

conformance_tests!(open);
