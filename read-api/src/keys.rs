//! `/v1/keys`.

pub(crate) mod get;
pub(crate) mod list;
