//! The SQLite log keeps the contract, and what only it has to keep.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod files;
mod model;
mod personal;
mod points;
mod refusals;
mod support;
mod writer;

use std::sync::Arc;

use countersign_event_store::{EventLog, conformance_tests};
use tempfile::TempDir;

async fn open() -> (Arc<dyn EventLog>, TempDir) {
    let folder = support::folder();
    let log = support::open(&folder).await;
    (Arc::new(log), folder)
}

conformance_tests!(open);
