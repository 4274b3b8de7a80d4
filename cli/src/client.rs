//! The client: talks HTTP to any Countersign server, and trusts none of them
//! further than it can verify.

pub(crate) mod auth_file;
pub(crate) mod http;
pub(crate) mod progress;
pub(crate) mod requests;
pub(crate) mod sse;
pub(crate) mod verify;

pub(crate) use auth_file::AuthFile;
pub(crate) use http::Server;
pub(crate) use requests::Requester;
