//! The metrics of this crate.

use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

const REQUESTS: &str = "countersign_http_request_seconds";
const CLIENTS: &str = "countersign_stream_clients";
const SENT: &str = "countersign_stream_events_sent_total";
const LAGGED: &str = "countersign_stream_lagged_total";

/// Describes them to the recorder that is installed.
pub fn describe() {
    describe_histogram!(
        REQUESTS,
        Unit::Seconds,
        "How long requests took, by route and status; with `min_position` the read models' delay \
         is in it."
    );
    describe_gauge!(CLIENTS, Unit::Count, "Event streams that are open");
    describe_counter!(SENT, Unit::Count, "Events sent on event streams");
    describe_counter!(
        LAGGED,
        Unit::Count,
        "How often a client of an event stream was too slow, and was put back to reading the log"
    );
}

pub(crate) fn request(route: &str, status: u16, took: Duration) {
    histogram!(REQUESTS, "route" => route.to_owned(), "status" => status.to_string())
        .record(took.as_secs_f64());
}

pub(crate) fn stream_clients(count: usize) {
    gauge!(CLIENTS).set(count as f64);
}

pub(crate) fn stream_sent(events: u64) {
    counter!(SENT).increment(events);
}

pub(crate) fn stream_lagged() {
    counter!(LAGGED).increment(1);
}
