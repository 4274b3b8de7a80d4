//! When attempts are made.

use std::time::Duration;

use countersign_webhooks::Schedule;

#[test]
fn attempts_spread_over_a_day_and_end() {
    let schedule = Schedule::default();
    let mut total = Duration::ZERO;
    let mut attempt = 1;
    let mut last = Duration::ZERO;
    while let Some(delay) = schedule.delay(attempt, 0.0, None) {
        assert!(delay >= last, "it backs off");
        (total, last, attempt) = (total + delay, delay, attempt + 1);
    }
    assert_eq!(attempt, 11);
    let day = Duration::from_secs(24 * 3600);
    assert!(total > day * 9 / 10 && total < day * 11 / 10, "{total:?}");
}

#[test]
fn jitter_makes_it_longer_and_never_shorter() {
    let schedule = Schedule::default();
    let delay = |jitter| schedule.delay(1, jitter, None);
    assert_eq!(delay(0.0), Some(Duration::from_secs(5)));
    assert_eq!(delay(1.0), Some(Duration::from_secs(6)));
}

#[test]
fn what_a_receiver_asks_for_is_honoured_within_bounds() {
    let schedule = Schedule::default();
    let asked = |seconds| schedule.delay(1, 0.0, Some(Duration::from_secs(seconds)));
    assert_eq!(asked(1), Some(Duration::from_secs(5)));
    assert_eq!(asked(77), Some(Duration::from_secs(77)));
    assert_eq!(asked(1 << 40), Some(Duration::from_secs(3600)));
}
