//! The crate from outside: what arrives, what is refused, what is shown.

mod bus;
mod envelope;
mod fixture;
mod frame;
mod invitation;
mod party_command;
mod presence;
mod progress;
