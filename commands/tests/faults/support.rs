//! A deployment in one process: a log in a folder of its own, a bus, a clock that
//! stands until it is moved, parties that are played, and clients.

mod checkpoints;
mod client;
mod clock;
mod http;
mod log;
mod party;
mod world;

pub(crate) use checkpoints::TestCheckpoints;
pub(crate) use client::{Client, create_key, digest, group_public_key, sign};
pub(crate) use clock::TestClock;
pub(crate) use http::Answer;
pub(crate) use log::TestLog;
pub(crate) use party::{Manner, Party, join, statement};
pub(crate) use world::{Replica, World, party, path_of, soon};
