//! The endpoints under `/v1/webhooks`. There is no access control: they are for
//! whoever reaches the address that they listen on.

mod dead_letters;
mod finish;
mod health;
mod problem;
mod request;
mod router;
mod view;
mod webhooks;

pub use router::router;
