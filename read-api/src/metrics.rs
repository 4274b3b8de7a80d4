//! The metrics of this crate.

use std::time::Duration;

use metrics::{Unit, describe_histogram, histogram};

const REQUESTS: &str = "countersign_http_request_seconds";

/// Describes them to the recorder that is installed.
pub fn describe() {
    describe_histogram!(
        REQUESTS,
        Unit::Seconds,
        "How long requests took, by route and status; with `min_position` the read models' delay \
         is in it."
    );
}

pub(crate) fn request(route: &str, status: u16, took: Duration) {
    histogram!(REQUESTS, "route" => route.to_owned(), "status" => status.to_string())
        .record(took.as_secs_f64());
}
