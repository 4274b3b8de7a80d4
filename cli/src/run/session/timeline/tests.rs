//! How sessions are drawn.

use serde_json::{Value, json};

use super::*;

fn at(milliseconds: u32) -> String {
    format!("2026-01-01T00:00:00.{milliseconds:03}Z")
}

/// A session whose first attempt fails for want of a party, and whose second makes a
/// signature. It takes 800 ms.
fn course() -> SessionCourse {
    let id = "00000000-0000-0000-0000-000000000001";
    let awaited = |party: &str, r#for: &str, from: u32, until: u32, outcome: &str| {
        json!({
            "party": party, "for": r#for, "from": at(from), "until": at(until),
            "took_ms": until - from, "outcome": outcome,
        })
    };
    let phase = |phase: &str, attempt: u32, from: u32, until: u32, awaited: Vec<Value>| {
        json!({
            "phase": phase, "attempt": attempt, "from": at(from), "until": at(until),
            "took_ms": until - from, "awaited": awaited,
        })
    };
    let first = vec![
        awaited("party-1", "join", 0, 100, "came"),
        awaited("party-2", "join", 0, 400, "missed"),
        awaited("party-1", "ready", 100, 200, "came"),
    ];
    let second = vec![awaited("party-3", "join", 400, 500, "came")];
    let mut rounds = phase("rounds", 2, 500, 800, vec![]);
    rounds["steps"] = json!([{
        "step": "round", "round": 1, "from": at(600), "took_ms": 100.0, "last": "party-3",
        "parties": [],
    }, {
        "step": "done", "from": at(700), "parties": [],
    }]);
    let document = json!({
        "session_id": id, "kind": "sign", "account_id": id, "key_id": id,
        "status": "completed", "threshold": 2, "parties": 3,
        "created_at": at(0), "ended_at": at(800), "expires_at": at(999), "took_ms": 800.0,
        "attempts": [{
            "attempt": 1, "signers": ["party-1", "party-2"], "from": at(0),
            "ended_at": at(400), "took_ms": 400.0, "reason": { "kind": "not_ready" },
            "culprits": ["party-2"], "detail": "naïve",
        }, {
            "attempt": 2, "signers": ["party-1", "party-3"], "from": at(400),
            "started_at": at(500), "ended_at": at(800), "took_ms": 400.0, "culprits": [],
        }],
        "phases": [
            phase("gathering", 1, 0, 400, first),
            phase("gathering", 2, 400, 500, second),
            rounds,
        ],
        "entries": [],
        "position": 9,
    });
    serde_json::from_value(document).expect("a course")
}

fn plain(width: usize) -> Terminal {
    Terminal {
        width,
        colour: false,
        unicode: false,
    }
}

/// The bar of a line: what stands in the columns between label and time.
fn bar(line: &str, label: usize, width: usize) -> String {
    let cells = line.chars().skip(label + 2).take(width);
    cells.collect::<String>().trim_end().to_owned()
}

#[test]
fn each_phase_party_and_round_has_a_bar_where_it_was() {
    // 11 for the label, 9 for the time, 12 for the note and the gaps leave 40 cells
    // for 800 ms, 20 ms each.
    let width = 11 + 2 + 40 + 2 + 9 + 2 + 12;
    let text = drawn(&course(), &plain(width));
    let lines: Vec<_> = text.lines().collect();
    let line = |place: usize| bar(lines[place], 11, 40);
    let cells =
        |before: usize, c: &str, count: usize| format!("{}{}", " ".repeat(before), c.repeat(count));
    assert_eq!(lines[0], "timeline      800.0 ms");
    assert_eq!(lines[1], "attempt 1: party-1, party-2");
    assert!(lines[2].starts_with("  gathering") && lines[2].ends_with(" 400.0 ms"));
    assert_eq!(line(2), cells(0, "#", 20));
    assert!(lines[3].starts_with("    party-1") && lines[3].ends_with(" 200.0 ms"));
    assert_eq!(line(3), cells(0, "=", 10), "to join and to get ready");
    assert!(lines[4].starts_with("    party-2") && lines[4].ends_with("  did not join"));
    assert_eq!(line(4), cells(0, "?", 20));
    assert_eq!(lines[5], "  failed: not ready in time: party-2: na?ve");
    assert_eq!(lines[6], "attempt 2: party-1, party-3");
    assert_eq!(line(7), cells(20, "#", 5));
    assert_eq!(line(8), cells(20, "=", 5));
    assert!(lines[9].starts_with("  rounds"));
    assert_eq!(line(9), cells(25, "#", 15));
    assert!(lines[10].starts_with("    round 1") && lines[10].ends_with("party-3 last"));
    assert_eq!(line(10), cells(30, "=", 5));
    assert_eq!(lines.len(), 11);
}

#[test]
fn no_line_is_longer_than_the_terminal_is_wide() {
    let mut course = course();
    let long: countersign_projections::Name = "p".repeat(63).into();
    course.attempts[0].signers = vec![long.clone(); 5];
    course.attempts[0].detail = Some("words ".repeat(40).into());
    course.phases[0].awaited[0].party = long.clone();
    course.phases[2].steps[0].last = Some(long);
    for width in [60, 80, 160] {
        for unicode in [false, true] {
            let terminal = Terminal {
                unicode,
                ..plain(width)
            };
            let text = drawn(&course, &terminal);
            let longest = text
                .lines()
                // A name by itself cannot be broken.
                .filter(|line| line.trim_start().contains(' '))
                .map(length)
                .max();
            assert!(longest <= Some(width), "{width}\n{text}");
            assert_eq!(text.is_ascii(), !unicode, "{text}");
        }
    }
}

#[test]
fn colours_are_only_where_they_are_wanted() {
    let colour = |colour| {
        let terminal = Terminal {
            colour,
            ..plain(80)
        };
        drawn(&course(), &terminal).contains('\u{1b}')
    };
    assert!(colour(true));
    assert!(!colour(false));
}

#[test]
fn a_session_that_goes_on_says_so_and_one_that_took_no_time_is_drawn() {
    let mut open = course();
    open.ended_at = None;
    assert!(drawn(&open, &plain(80)).starts_with("timeline      800.0 ms so far\n"));
    let mut instant = course();
    instant.took_ms = 0.0;
    for phase in &mut instant.phases {
        phase.took_ms = 0.0;
    }
    assert!(drawn(&instant, &plain(80)).contains("  gathering  #"));
}

#[test]
fn times_are_told_in_the_unit_that_fits() {
    for (milliseconds, text) in [
        (0.0, "0.0 ms"),
        (999.94, "999.9 ms"),
        (999.96, "1.0 s"),
        (59_949.0, "59.9 s"),
        (59_960.0, "1m 00s"),
        (3_599_400.0, "59m 59s"),
        (3_600_000.0, "1h 00m"),
        (90_000_000.0, "1d 01h"),
    ] {
        assert_eq!(took(milliseconds), text);
    }
}
