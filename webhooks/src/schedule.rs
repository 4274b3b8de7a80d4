//! When an event that was not taken is tried again.

use std::time::Duration;

/// Delays between attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How long to wait after the first failed attempt, after the second, and so on.
    /// When they are used up, the event is set aside.
    pub delays: Vec<Duration>,
    /// The longest that a receiver may ask for with `Retry-After`.
    pub max_retry_after: Duration,
}

impl Default for Schedule {
    /// Eleven attempts within a day: after 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h,
    /// 4 h, 8 h and 8 h.
    fn default() -> Self {
        let seconds = [5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 28_800];
        Self {
            delays: seconds.map(Duration::from_secs).to_vec(),
            max_retry_after: Duration::from_secs(3600),
        }
    }
}

impl Schedule {
    /// How long to wait after the failed attempt of this number (from 1), or none when
    /// it was the last. `jitter` from 0 to 1 makes it up to a fifth longer, so that
    /// subscriptions that failed together do not come back together.
    #[must_use]
    pub fn delay(
        &self,
        attempt: u32,
        jitter: f64,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        let place = usize::try_from(attempt.saturating_sub(1)).ok()?;
        let delay = *self.delays.get(place)?;
        let delay = delay.mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 5.0);
        let asked = retry_after.unwrap_or_default().min(self.max_retry_after);
        Some(delay.max(asked))
    }
}

/// A number from 0 to 1.
pub(crate) fn jitter() -> f64 {
    let mut byte = [0];
    // Without entropy there is no jitter.
    let _ = getrandom::fill(&mut byte);
    f64::from(byte[0]) / 255.0
}
