//! The signing party: protocol engines, vault and worker.

pub mod engine;
pub mod exchange;
pub mod metrics;
pub mod vault;
pub mod worker;
