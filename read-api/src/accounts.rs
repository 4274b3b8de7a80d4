//! `/v1/accounts`.

pub(crate) mod get;
pub(crate) mod keys;
pub(crate) mod list;

use std::fmt::Display;

use crate::problem::{Code, Problem};

fn unknown(id: impl Display) -> Problem {
    Problem::new(Code::NotFound, format!("there is no account {id}"))
}
