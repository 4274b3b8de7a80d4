//! What the log tells about itself, through the `metrics` facade.

use metrics::{Unit, describe_gauge, describe_histogram};

pub(crate) const APPEND_SECONDS: &str = "countersign_append_seconds";
pub(crate) const BATCH_APPENDS: &str = "countersign_append_batch_appends";
pub(crate) const QUEUE_DEPTH: &str = "countersign_append_queue_depth";
pub(crate) const HEAD_POSITION: &str = "countersign_log_head_position";

/// Describes the metrics to the recorder that is installed.
pub fn describe() {
    describe_histogram!(
        APPEND_SECONDS,
        Unit::Seconds,
        "From asking for an append to its acknowledgement or refusal"
    );
    describe_histogram!(
        BATCH_APPENDS,
        Unit::Count,
        "Appends that shared a transaction"
    );
    describe_gauge!(
        QUEUE_DEPTH,
        Unit::Count,
        "Appends that wait for the writer when it takes up a batch"
    );
    describe_gauge!(
        HEAD_POSITION,
        "Position of the last event that this process knows of"
    );
}

/// Records a batch that the writer takes up, and what waits behind it.
pub(crate) fn batch(appends: usize, waiting: usize) {
    metrics::histogram!(BATCH_APPENDS).record(count(appends));
    metrics::gauge!(QUEUE_DEPTH).set(count(waiting));
}

/// Records the head of the log.
pub(crate) fn head(position: u64) {
    // Exact up to 2^53 events.
    metrics::gauge!(HEAD_POSITION).set(position as f64);
}

fn count(number: usize) -> f64 {
    number as f64
}
