//! The DKLs23 engine and its exchange, held to the port's promises by parties
//! that talk over a bad network, and by parties that cheat.

#![allow(
    clippy::unwrap_used,
    reason = "the lint spares test functions, but not their helpers"
)]

mod bip32;
mod cheating_keygen;
mod cheating_sign;
mod faulty_network;
mod fuzz;
mod input;
mod keys;
mod network;
mod secrets;
mod shares;
