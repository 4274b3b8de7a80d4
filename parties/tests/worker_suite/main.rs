//! Workers on an in-process bus, with a coordinator made of the session aggregate.

#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

mod bounds;
mod cheats;
mod coordinator;
mod faulty;
mod feed;
mod house;
mod identity;
mod keygen;
mod keys;
mod network;
mod order;
mod refusals;
mod restarts;
mod shutdown;
mod sign;
