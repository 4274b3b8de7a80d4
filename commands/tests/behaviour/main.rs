//! The command side as its clients and parties see it: the router over a SQLite
//! log and a local bus, with parties that are honest, silent or worse.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod accounts;
mod bans;
mod deadlines;
mod http;
mod keygen;
mod outages;
mod parties;
mod policy;
mod refusals;
mod relay;
mod replicas;
mod retries;
mod sign;
mod support;
