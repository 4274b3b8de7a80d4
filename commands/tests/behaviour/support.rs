//! A small deployment for tests: see [`World`].

mod client;
mod party;
mod replica;
mod world;

pub(crate) use client::{Account, lifetime, signing, verify};
pub(crate) use party::Conduct;
pub(crate) use replica::{Replica, post};
pub(crate) use world::{World, events_of};
