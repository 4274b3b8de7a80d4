//! When the next batch may begin.
//!
//! What a batch costs depends little on how many appends share it, and everybody who
//! follows the log is woken by each. While many sessions are in work, which compute
//! meanwhile, the writer rests after a batch for a multiple of the time it took: not
//! to be felt where the server is quick, and where the machines are busy, appends
//! gather. Where few are in work, no append waits.

use std::time::Duration;

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// How many sessions are many.
pub(super) const MANY: usize = 4;

/// How long the writer rests, in times of what the last batch took …
const REST: u32 = 4;

/// … and at most.
const LONGEST: Duration = Duration::from_millis(10);

/// See the module's documentation.
pub(super) struct Pace {
    not_before: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            not_before: Instant::now(),
        }
    }

    /// A batch was written that began then, just now.
    pub(super) fn wrote(&mut self, began: Instant) {
        let now = Instant::now();
        self.not_before = now + ((now - began) * REST).min(LONGEST);
    }

    /// Adds to a batch, up to `most`, what comes until it may begin.
    pub(super) async fn gather<T>(
        &self,
        in_work: usize,
        queue: &mut mpsc::Receiver<T>,
        batch: &mut Vec<T>,
        most: usize,
    ) {
        if in_work < MANY || self.not_before <= Instant::now() {
            return;
        }
        sleep_until(self.not_before).await;
        while batch.len() < most
            && let Ok(next) = queue.try_recv()
        {
            batch.push(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const TOOK: Duration = Duration::from_millis(2);

    /// What is in a batch when one more comes 5 ms after the batch before, which took
    /// 2 ms, and how long after that it begins.
    async fn gathered(in_work: usize, most: usize) -> (Vec<u32>, Duration) {
        let mut pace = Pace::new();
        let began = Instant::now();
        advance(TOOK).await;
        pace.wrote(began);
        let ended = Instant::now();
        let (sender, mut queue) = mpsc::channel(8);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            sender.send(2).await.expect("a receiver");
            tokio::time::sleep(Duration::from_secs(1)).await;
        });
        let mut batch = vec![1];
        pace.gather(in_work, &mut queue, &mut batch, most).await;
        (batch, ended.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn many_in_work_make_appends_gather_for_a_multiple_of_a_batch() {
        let (batch, waited) = gathered(MANY, 256).await;
        assert_eq!(batch, [1, 2]);
        assert_eq!(waited.as_millis(), (TOOK * REST).as_millis());
        let (full, _) = gathered(MANY, 1).await;
        assert_eq!(full, [1]);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_where_few_are_in_work() {
        let (batch, waited) = gathered(MANY - 1, 256).await;
        assert_eq!((batch, waited), (vec![1], Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_batch_is_followed_by_a_bounded_rest_and_a_late_append_by_none() {
        let mut pace = Pace::new();
        let began = Instant::now();
        advance(Duration::from_secs(3)).await;
        pace.wrote(began);
        let ended = Instant::now();
        let (_sender, mut queue) = mpsc::channel::<()>(1);
        pace.gather(MANY, &mut queue, &mut vec![], 1).await;
        let waited = ended.elapsed();
        // The clock of tasks ticks in milliseconds.
        assert!(waited >= LONGEST && waited <= LONGEST + Duration::from_millis(1));
        pace.gather(MANY, &mut queue, &mut vec![], 1).await;
        assert_eq!(ended.elapsed(), waited);
    }
}
