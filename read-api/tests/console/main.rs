//! Tests of the console: its pages over HTTP, and in a browser.

mod browser;
mod escaping;
mod hidden;
mod pages;
mod refusals;
mod world;

/// What the tests of the endpoints have too.
#[allow(dead_code, reason = "they use the rest of it")]
#[path = "../suite"]
mod shared {
    pub(crate) mod support;
}
