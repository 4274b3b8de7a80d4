//! The embedded mode: the whole system in one process on one data directory.
//!
//! Same domain, coordinator, engines, vaults and HTTP as a deployment; the log is
//! one SQLite file, the bus is in-process, the read models are in memory.

mod data_dir;
mod logging;
mod read_only;
mod secrets;
mod signing;
mod system;
mod webhooks;

pub(crate) use data_dir::DataDir;
pub(crate) use logging::log_to_stderr;
pub(crate) use read_only::ReadOnlyDir;
pub(crate) use secrets::MasterKeys;
pub(crate) use system::{Addresses, System};
