//! Tests of the endpoints, over a real log and the projector.

mod accounts;
mod as_of;
mod checkpoints;
mod events;
mod fake_log;
mod faults;
mod health;
mod keys;
mod pages;
mod parties;
mod positions;
mod refusals;
mod sessions;
mod stream;
mod support;
mod visibility;
