//! Times and durations. Times are in UTC, as in the log.

use chrono::SecondsFormat;
use countersign_domain::Timestamp;
use maud::{Markup, html};

/// A time to the millisecond; to the microsecond in its title.
pub(crate) fn time(time: Timestamp) -> Markup {
    let exact = time.to_rfc3339_opts(SecondsFormat::Micros, true);
    let text = time.format("%Y-%m-%d %H:%M:%S").to_string();
    let fine = time.format("%.3f").to_string();
    html! { time datetime=(exact) title=(exact) { (text) span .fine { (fine) } } }
}

/// How long ago it was, in a few words.
pub(crate) fn ago(time: Timestamp, now: Timestamp) -> String {
    let passed = now.signed_duration_since(time).num_milliseconds();
    if passed < 1000 {
        return "just now".to_owned();
    }
    format!("{} ago", duration(passed as f64))
}

/// A duration of so many milliseconds, in two units at most.
pub(crate) fn duration(milliseconds: f64) -> String {
    if milliseconds < 10.0 {
        return format!("{milliseconds:.1} ms");
    }
    if milliseconds < 1000.0 {
        return format!("{milliseconds:.0} ms");
    }
    let seconds = milliseconds / 1000.0;
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    let (big, small, names) = match whole {
        0..3_600 => (whole / 60, whole % 60, ("min", "s")),
        3_600..86_400 => (whole / 3_600, whole % 3_600 / 60, ("h", "min")),
        _ => (whole / 86_400, whole % 86_400 / 3_600, ("d", "h")),
    };
    format!("{big} {} {small} {}", names.0, names.1)
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_have_two_units_at_most() {
        for (milliseconds, text) in [
            (0.0, "0.0 ms"),
            (9.94, "9.9 ms"),
            (152.3, "152 ms"),
            (9_040.0, "9.0 s"),
            (61_000.0, "1 min 1 s"),
            (3_660_000.0, "1 h 1 min"),
            (90_000_000.0, "1 d 1 h"),
        ] {
            assert_eq!(duration(milliseconds), text);
        }
    }
}
