//! The metrics of this crate, by name.

use metrics::{Unit, describe_gauge};

/// How many events a projection is behind the log.
pub const LAG: &str = "countersign_projection_lag_events";
/// The position that a projection shows.
pub const POSITION: &str = "countersign_projection_position";
/// How many streams a projection has parked.
pub const PARKED: &str = "countersign_projection_parked";
/// Whether this process is the active projector.
pub const LEADER: &str = "countersign_projection_leader";

/// Describes them to the recorder that is installed.
pub fn describe() {
    describe_gauge!(
        LAG,
        Unit::Count,
        "Events that the projection is behind the log."
    );
    describe_gauge!(
        POSITION,
        Unit::Count,
        "Position of the last event that the projection shows."
    );
    describe_gauge!(
        PARKED,
        Unit::Count,
        "Streams that a bad event has parked in the projection."
    );
    describe_gauge!(
        LEADER,
        Unit::Count,
        "1 in the process that is the active projector."
    );
}

#[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub(crate) fn show(projection: &'static str, position: u64, lag: u64, parked: u64) {
    metrics::gauge!(POSITION, "projection" => projection).set(position as f64);
    metrics::gauge!(LAG, "projection" => projection).set(lag as f64);
    metrics::gauge!(PARKED, "projection" => projection).set(parked as f64);
}
