//! The metrics of this crate.

/// Messages that slow subscribers have lost.
pub(crate) const SLOW_CONSUMERS: &str = "countersign_bus_slow_consumers_total";

/// Describes them to the recorder that is installed.
pub fn describe() {
    metrics::describe_counter!(
        SLOW_CONSUMERS,
        metrics::Unit::Count,
        "Messages that were lost because a subscriber did not keep up."
    );
}
