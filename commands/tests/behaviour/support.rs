//! A small deployment for tests: see [`World`].

mod client;
mod link;
mod party;
mod replica;
mod warnings;
mod world;

pub(crate) use client::{Account, lifetime, signing, verify};
pub(crate) use party::Conduct;
pub(crate) use replica::{Replica, post};
pub(crate) use warnings::Warnings;
pub(crate) use world::{World, events_of};
