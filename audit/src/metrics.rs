//! The metrics of this crate, by name.

use std::time::{SystemTime, UNIX_EPOCH};

use metrics::{Unit, describe_gauge};

/// How many events the newest checkpoint covers.
pub const SIZE: &str = "countersign_checkpoint_size";
/// When it was signed.
pub const TIME: &str = "countersign_checkpoint_timestamp_seconds";
/// Whether the log is refused, because it is not the one that was signed before.
pub const REFUSED: &str = "countersign_checkpoint_refused";

/// Describes them to the recorder that is installed.
pub fn describe() {
    describe_gauge!(
        SIZE,
        Unit::Count,
        "Events that the newest checkpoint of this process covers."
    );
    describe_gauge!(
        TIME,
        Unit::Seconds,
        "When this process signed its newest checkpoint, in seconds since 1970."
    );
    describe_gauge!(
        REFUSED,
        Unit::Count,
        "1 while no checkpoint is signed because the log was rolled back, changed or replaced."
    );
}

#[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub(crate) fn signed(size: u64) {
    metrics::gauge!(SIZE).set(size as f64);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    metrics::gauge!(TIME).set(now.unwrap_or_default().as_secs_f64());
}

pub(crate) fn refused(refused: bool) {
    metrics::gauge!(REFUSED).set(if refused { 1.0 } else { 0.0 });
}
