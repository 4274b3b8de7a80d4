//! The metrics of this crate. What concerns an event is counted by the replica
//! that appended it, so that the sum over all replicas is right.

use std::collections::HashMap;
use std::time::Duration;

use countersign_domain::process::ProcessManager;
use countersign_domain::session::{AttemptFailure, SessionKind, SessionStatus};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};

const SESSIONS: &str = "countersign_sessions";
const ENDED: &str = "countersign_sessions_ended_total";
const FAILURES: &str = "countersign_attempt_failures_total";
const REQUESTS: &str = "countersign_http_request_seconds";
const PARTY_COMMANDS: &str = "countersign_party_commands_running";
const BUS_REACHABLE: &str = "countersign_bus_reachable";

/// What the gauges tell apart.
const KINDS: [SessionKind; 4] = [
    SessionKind::Keygen,
    SessionKind::Sign,
    SessionKind::Refresh,
    SessionKind::Recover,
];
const OPEN: [SessionStatus; 3] = [
    SessionStatus::Created,
    SessionStatus::Waiting,
    SessionStatus::InProgress,
];

/// Describes them to the recorder that is installed.
pub fn describe() {
    crate::relay::describe();
    crate::relay::describe();
    describe_gauge!(
        SESSIONS,
        Unit::Count,
        "Open sessions, by kind and status. Every replica shows all of them."
    );
    describe_counter!(
        ENDED,
        Unit::Count,
        "Sessions that this replica brought to their end, by kind and outcome."
    );
    describe_counter!(
        FAILURES,
        Unit::Count,
        "Attempts of sessions that failed, by reason."
    );
    describe_histogram!(
        REQUESTS,
        Unit::Seconds,
        "How long requests took, by route and status; with `Prefer: wait` that is the session."
    );
    describe_gauge!(
        PARTY_COMMANDS,
        Unit::Count,
        "Commands of parties that are being carried out."
    );
    describe_gauge!(
        BUS_REACHABLE,
        Unit::Count,
        "1 while this process reaches the bus, 0 while it does not."
    );
}

/// Shows what is open.
pub(crate) fn open_sessions(process: &ProcessManager) {
    let mut counts: HashMap<(SessionKind, SessionStatus), u32> = HashMap::new();
    for kind in KINDS {
        for status in OPEN {
            counts.insert((kind, status), 0);
        }
    }
    for session in process.open_sessions() {
        if let Some(state) = process.session(session) {
            *counts.entry((state.asked.kind, state.status)).or_default() += 1;
        }
    }
    for ((kind, status), count) in counts {
        gauge!(SESSIONS, "kind" => kind.to_string(), "status" => status.to_string())
            .set(f64::from(count));
    }
}

pub(crate) fn session_ended(kind: SessionKind, outcome: &'static str) {
    counter!(ENDED, "kind" => kind.to_string(), "outcome" => outcome).increment(1);
}

pub(crate) fn attempt_failed(reason: AttemptFailure) {
    let reason = match reason {
        AttemptFailure::NotReady => "not_ready",
        AttemptFailure::Silence { .. } => "silence",
        AttemptFailure::Cheating => "cheating",
        AttemptFailure::Refused => "refused",
        AttemptFailure::Engine => "engine",
        AttemptFailure::Timeout => "timeout",
    };
    counter!(FAILURES, "reason" => reason).increment(1);
}

pub(crate) fn request(route: &str, status: u16, took: Duration) {
    metrics::histogram!(REQUESTS, "route" => route.to_owned(), "status" => status.to_string())
        .record(took.as_secs_f64());
}

pub(crate) fn party_commands(running: usize) {
    gauge!(PARTY_COMMANDS).set(u32::try_from(running).map_or(f64::INFINITY, f64::from));
}

pub(crate) fn bus_reachable(reachable: bool) {
    gauge!(BUS_REACHABLE).set(f64::from(u8::from(reachable)));
}
