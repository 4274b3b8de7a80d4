//! The process itself, by the names that Prometheus's own clients use.

use std::time::{SystemTime, UNIX_EPOCH};

use metrics::{Unit, describe_gauge, gauge};

/// Bytes of a page of memory, and ticks of a second, on every Linux that this runs on.
const PAGE: f64 = 4096.0;
const TICKS: f64 = 100.0;

pub(super) fn describe() {
    describe_gauge!(
        "process_resident_memory_bytes",
        Unit::Bytes,
        "Memory of the process that is in RAM."
    );
    describe_gauge!(
        "process_cpu_seconds_total",
        Unit::Seconds,
        "Processor time of the process, of all its threads."
    );
    describe_gauge!("process_threads", "Threads of the process.");
    describe_gauge!("process_open_fds", "Open files and connections.");
    describe_gauge!(
        "process_start_time_seconds",
        Unit::Seconds,
        "When the process started, since 1970."
    );
}

/// Reads `/proc/self`; where there is none, nothing is told.
pub(super) fn measure() {
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        gauge!("process_open_fds").set(files.count() as f64);
    }
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else {
        return;
    };
    // The second field is a name in parentheses, which may hold anything.
    let fields: Vec<f64> = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0.0))
        .collect();
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0.0);
    gauge!("process_cpu_seconds_total").set((field(14) + field(15)) / TICKS);
    gauge!("process_threads").set(field(20));
    gauge!("process_resident_memory_bytes").set(field(24) * PAGE);
    if let Some(up) = uptime() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs_f64();
        gauge!("process_start_time_seconds").set((now - up + field(22) / TICKS).round());
    }
}

fn uptime() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    text.split_whitespace().next()?.parse().ok()
}
