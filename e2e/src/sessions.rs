//! Sessions as the read API and the log have them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::Api;

/// How long sessions may take to end.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a session may end as.
const ENDS: [&str; 4] = ["completed", "failed", "expired", "cancelled"];

/// Waits until `look` finds something.
///
/// # Panics
/// When it takes too long.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: not yet");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until a session has ended, and returns it as the read API shows it.
///
/// # Panics
/// When it does not end.
#[must_use]
pub fn ended(api: &Api, session: &str) -> Value {
    until(&format!("session {session}"), || {
        let answer = api.try_get(&format!("/v1/sessions/{session}")).ok()?;
        let status = answer.body["status"].as_str()?;
        ENDS.contains(&status).then_some(answer.body)
    })
}

/// The events of the log by session, in order: their types.
///
/// # Panics
/// When the log has a gap, or the read API does not answer.
#[must_use]
pub fn histories(api: &Api) -> BTreeMap<String, Vec<String>> {
    let mut histories: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut after = 0;
    loop {
        let page = api.get(&format!("/v1/events?after={after}&limit=500")).body;
        let events = page["events"].as_array().expect("events");
        if events.is_empty() {
            return histories;
        }
        for event in events {
            after += 1;
            assert_eq!(event["position"], after, "positions have no gaps");
            if event["aggregate_type"] == "session" {
                let text = |name: &str| event[name].as_str().expect("text").to_owned();
                histories
                    .entry(text("aggregate_id"))
                    .or_default()
                    .push(text("event_type"));
            }
        }
    }
}

/// Asserts that every session of the log has ended, and only once.
///
/// # Panics
/// When one has not.
pub fn assert_ended_once(api: &Api, at_least: usize) {
    let histories = histories(api);
    assert!(histories.len() >= at_least, "{}", histories.len());
    for (session, events) in histories {
        let ends = events
            .iter()
            .filter(|event| {
                let end = event.strip_prefix("Session").unwrap_or_default();
                ENDS.contains(&end.to_lowercase().as_str())
            })
            .count();
        assert_eq!(ends, 1, "{session}: {events:?}");
    }
}
