//! The web console, as HTML: what the read API knows, for people.
//!
//! Everything here is a pure function from what was read to a page. What is read, and
//! who may see it, is the matter of the read API, which serves the pages.
//!
//! Invariants:
//!
//! - all text from outside is escaped: templates are checked and escape by themselves
//!   (`maud`), and nothing here is marked as safe that is not a constant of this crate;
//! - no page has a style, a script or a handler inside, and none names another host, so
//!   that [`CONTENT_SECURITY_POLICY`] holds;
//! - every page works without script, by links and `GET` forms.

pub mod account;
pub mod accounts;
pub mod assets;
pub mod audit;
pub mod event;
pub mod events;
pub mod key;
pub mod keys;
mod layout;
pub mod overview;
pub mod parties;
mod parts;
pub mod problem;
pub mod session;
pub mod sessions;
mod url;

pub use layout::Frame;

/// What a browser may load for a page of the console: its own files and nothing else.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; \
    script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";
