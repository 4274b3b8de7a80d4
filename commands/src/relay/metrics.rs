//! The metrics of the relay.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const LAG: &str = "countersign_relay_lag_events";
const PUBLISHED: &str = "countersign_relay_published_total";
const LEADER: &str = "countersign_relay_leader";

/// Describes them to the recorder that is installed.
pub(crate) fn describe() {
    describe_gauge!(
        LAG,
        Unit::Count,
        "Committed events that are not in the feed yet; 0 where another replica relays."
    );
    describe_counter!(
        PUBLISHED,
        Unit::Count,
        "Events that this replica has published in the feed."
    );
    describe_gauge!(LEADER, Unit::Count, "1 while this replica relays, else 0.");
}

pub(super) fn leads(leads: bool) {
    gauge!(LEADER).set(if leads { 1.0 } else { 0.0 });
    if !leads {
        gauge!(LAG).set(0.0);
    }
}

pub(super) fn lag(head: u64, published: Option<u64>) {
    if let Some(published) = published {
        gauge!(LAG).set(head.saturating_sub(published) as f64);
    }
}

pub(super) fn published(events: usize) {
    counter!(PUBLISHED).increment(events as u64);
}
