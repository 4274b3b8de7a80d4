//! The metrics of this crate.

use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use uuid::Uuid;

const DELIVERIES: &str = "countersign_webhook_deliveries_total";
const ATTEMPTS: &str = "countersign_webhook_attempt_seconds";
const LAG: &str = "countersign_webhook_lag_events";
const DEAD: &str = "countersign_webhook_dead_letters_total";
const LEADING: &str = "countersign_webhook_leading";
const REQUESTS: &str = "countersign_http_request_seconds";

/// Describes them to the recorder that is installed.
pub fn describe() {
    describe_counter!(
        DELIVERIES,
        Unit::Count,
        "Attempts to deliver an event, by outcome: delivered, failed, gone."
    );
    describe_histogram!(
        ATTEMPTS,
        Unit::Seconds,
        "How long attempts to deliver took, by outcome."
    );
    describe_gauge!(
        LAG,
        Unit::Count,
        "How many positions a subscription is behind the log. There are as many as `webhooks.max`."
    );
    describe_counter!(DEAD, Unit::Count, "Events that were given up.");
    describe_gauge!(
        LEADING,
        Unit::Count,
        "1 while this process is the one that delivers, 0 while it stands by."
    );
}

pub(crate) fn attempt(outcome: &'static str, took: Duration) {
    counter!(DELIVERIES, "outcome" => outcome).increment(1);
    histogram!(ATTEMPTS, "outcome" => outcome).record(took.as_secs_f64());
}

pub(crate) fn dead_letter() {
    counter!(DEAD).increment(1);
}

pub(crate) fn lag(subscription: Uuid, events: u64) {
    gauge!(LAG, "subscription" => subscription.to_string()).set(events as f64);
}

pub(crate) fn leading(leading: bool) {
    gauge!(LEADING).set(f64::from(u8::from(leading)));
}

pub(crate) fn request(route: &str, status: u16, took: Duration) {
    histogram!(REQUESTS, "route" => route.to_owned(), "status" => status.to_string())
        .record(took.as_secs_f64());
}
