//! `/v1/keys`.

pub(crate) mod get;
pub(crate) mod list;

use countersign_domain::ids::KeyId;

use crate::problem::{Code, Problem};

pub(crate) fn unknown(id: KeyId) -> Problem {
    Problem::new(Code::NotFound, format!("there is no key {id}"))
}
