//! Workers on an in-process bus, with a coordinator made of the session aggregate.

mod bounds;
mod coordinator;
mod cheats;
mod house;
mod identity;
mod keygen;
mod keys;
mod lossy;
mod network;
mod order;
mod refusals;
mod restarts;
mod shutdown;
mod sign;
