//! What failed, and rests before it is tried again: longer each time. And what is
//! left to others for a while.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

/// The first rest.
const FIRST: Duration = Duration::from_millis(200);

/// The longest rest.
const LONGEST: Duration = Duration::from_secs(5);

/// The sessions and keys that rest.
#[derive(Debug, Default)]
pub(super) struct Rests(HashMap<Uuid, Rest>);

#[derive(Debug)]
struct Rest {
    until: Instant,
    length: Duration,
}

impl Rests {
    /// Something failed for `id`.
    pub(super) fn failed(&mut self, id: Uuid, now: Instant) {
        let before = self.0.get(&id).map(|rest| rest.length);
        let length = before.map_or(FIRST, |before| (before * 2).clamp(FIRST, LONGEST));
        let until = now + length;
        self.0.insert(id, Rest { until, length });
    }

    /// Nothing failed; others have until then.
    pub(super) fn put_off(&mut self, id: Uuid, until: Instant) {
        let rest = Rest {
            until,
            length: Duration::ZERO,
        };
        self.0.entry(id).or_insert(rest);
    }

    /// It succeeded, or need not be tried again.
    pub(super) fn over(&mut self, id: Uuid) {
        self.0.remove(&id);
    }

    /// Whether `id` is not to be tried now.
    pub(super) fn rests(&self, id: Uuid, now: Instant) -> bool {
        self.0.get(&id).is_some_and(|rest| rest.until > now)
    }

    /// When the next rest ends.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.values().map(|rest| rest.until).min()
    }

    /// Whether anything failed.
    pub(super) fn is_failing(&self) -> bool {
        self.0.values().any(|rest| !rest.length.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(1);

    #[test]
    fn a_rest_doubles_with_each_failure_up_to_five_seconds() {
        let now = Instant::now();
        let mut rests = Rests::default();
        let mut lengths = vec![];
        for _ in 0..7 {
            rests.failed(ID, now);
            lengths.push((rests.next().expect("it rests") - now).as_millis());
        }
        assert_eq!(lengths, [200, 400, 800, 1600, 3200, 5000, 5000]);
    }

    #[test]
    fn what_rests_is_tried_when_its_rest_has_ended_and_is_forgotten_when_it_is_over() {
        let now = Instant::now();
        let mut rests = Rests::default();
        assert!(!rests.rests(ID, now));
        rests.failed(ID, now);
        assert!(rests.rests(ID, now));
        assert!(!rests.rests(Uuid::from_u128(2), now));
        assert!(!rests.rests(ID, now + FIRST));
        rests.over(ID);
        assert!(!rests.is_failing());
        assert_eq!(rests.next(), None);
        rests.put_off(ID, now + LONGEST);
        assert!(rests.rests(ID, now) && !rests.is_failing());
        rests.failed(ID, now);
        assert_eq!(rests.next(), Some(now + FIRST));
        assert!(rests.is_failing());
    }
}
