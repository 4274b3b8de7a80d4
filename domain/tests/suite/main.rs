//! What the domain promises, tested through its public interface alone.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod account;
mod fixture;
mod golden;
mod intents;
mod key;
mod moves;
mod process;
mod properties;
mod purity;
mod session;
mod session_attempts;
mod session_reports;
mod signers;
mod values;
mod vectors;
