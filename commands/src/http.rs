//! The command endpoints.

mod accounts;
mod answer;
mod finish;
mod health;
mod keys;
mod prefer;
mod problem;
mod request;
mod router;
mod sessions;
mod signatures;
mod trace;

pub use problem::{Code, TYPE_BASE};
pub use router::router;
