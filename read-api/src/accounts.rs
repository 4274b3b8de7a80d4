//! `/v1/accounts`.

pub(crate) mod get;
pub(crate) mod keys;
pub(crate) mod list;
mod open;

use std::fmt::Display;

use crate::problem::{Code, Problem};

pub(crate) fn unknown(id: impl Display) -> Problem {
    Problem::new(Code::NotFound, format!("there is no account {id}"))
}
