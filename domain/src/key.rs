//! The key aggregate: one threshold key and the parties that hold its shares.

mod command;
mod decide;
mod error;
mod event;
mod evolve;
mod state;

pub use command::{KeyCommand, NewKey};
pub use error::KeyError;
pub use event::KeyEvent;
pub use state::{Key, KeyFacts, KeyStatus, PublicPart, pair as ordered_pair};

use crate::decider::cqrs_bridge;

cqrs_bridge!(Key, KeyEvent, KeyCommand, KeyError);
