//! The metrics of this crate. Several parties in one process are shown together.

use std::time::Duration;

use countersign_domain::session::SessionKind;
use countersign_messaging::progress::Phase;
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::worker::Lane;

const PHASES: &str = "countersign_ceremony_phase_seconds";
const QUEUE: &str = "countersign_ceremony_queue_depth";
const RUNNING: &str = "countersign_ceremonies_running";
const REFUSED: &str = "countersign_frames_refused_total";

/// Describes them to the recorder that is installed.
pub fn describe() {
    describe_histogram!(
        PHASES,
        Unit::Seconds,
        "How long a party stayed in a phase of a ceremony, by kind of session."
    );
    describe_gauge!(
        QUEUE,
        Unit::Count,
        "Protocol steps that stand in line for a thread, by lane."
    );
    describe_gauge!(
        RUNNING,
        Unit::Count,
        "Ceremonies that this process takes part in."
    );
    describe_counter!(
        REFUSED,
        Unit::Count,
        "Frames that did not verify: forged, damaged, or not of a signer."
    );
}

/// A party has left a phase that it stayed in for so long.
pub(crate) fn phase(kind: SessionKind, phase: Phase, stayed: Duration) {
    let kind = match kind {
        SessionKind::Keygen => "keygen",
        SessionKind::Sign => "sign",
        SessionKind::Refresh => "refresh",
        SessionKind::Recover => "recover",
    };
    let phase = match phase {
        Phase::Joined => "joined",
        Phase::Round(1) => "round_1",
        Phase::Round(2) => "round_2",
        Phase::Round(3) => "round_3",
        Phase::Round(4) => "round_4",
        Phase::Round(_) => "round_later",
        Phase::Sealing => "sealing",
        Phase::Confirming => "confirming",
        Phase::Done => "done",
    };
    histogram!(PHASES, "kind" => kind, "phase" => phase).record(stayed.as_secs_f64());
}

/// A step stands in line.
pub(crate) fn queued(lane: Lane) {
    queue(lane).increment(1.0);
}

/// A step has left the line.
pub(crate) fn unqueued(lane: Lane, steps: usize) {
    queue(lane).decrement(u32::try_from(steps).map_or(0.0, f64::from));
}

// The labels are constant: nothing is allocated.
fn queue(lane: Lane) -> metrics::Gauge {
    match lane {
        Lane::Sign => gauge!(QUEUE, "lane" => "sign"),
        Lane::Keygen => gauge!(QUEUE, "lane" => "keygen"),
    }
}

/// A ceremony has begun.
pub(crate) fn began() {
    gauge!(RUNNING).increment(1.0);
}

/// A ceremony has ended.
pub(crate) fn ended() {
    gauge!(RUNNING).decrement(1.0);
}

/// Frames were refused.
pub(crate) fn frames_refused(count: usize) {
    if count > 0 {
        counter!(REFUSED).increment(count as u64);
    }
}
