//! `/v1/sessions`.

pub(crate) mod events;
pub(crate) mod get;
pub(crate) mod list;
mod progress;
pub(crate) mod timeline;

use countersign_domain::ids::SessionId;

use crate::problem::{Code, Problem};

fn unknown(id: SessionId) -> Problem {
    Problem::new(Code::NotFound, format!("there is no session {id}"))
}
