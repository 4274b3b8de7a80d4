//! `/v1/sessions`.

pub(crate) mod events;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod progress;
pub(crate) mod timeline;

use countersign_domain::ids::SessionId;

use crate::problem::{Code, Problem};

pub(crate) fn unknown(id: SessionId) -> Problem {
    Problem::new(Code::NotFound, format!("there is no session {id}"))
}
