//! Following a log.

use std::time::Duration;

use super::{Log, add, all, take};
use crate::{Subscription, subscribe};

/// Nothing is skipped or repeated where stored events end and new ones begin,
/// wherever the pages happen to end.
pub async fn a_subscription_catches_up_and_goes_on_live(log: Log) {
    add(&log, "stored", 100).await;
    let followers: Vec<_> = [1, 7, 50, 1000]
        .map(|page| {
            let subscription = Subscription::new(log.clone(), 0).page(page);
            tokio::spawn(take(subscription.stream(), 400))
        })
        .into_iter()
        .collect();
    for round in 0..100 {
        add(&log, round % 5, 3).await;
    }
    let whole = all(&log).await;
    for follower in followers {
        assert_eq!(follower.await.unwrap(), whole);
    }
}

/// What was seen before the position is not delivered again.
pub async fn a_subscription_starts_after_its_position(log: Log) {
    let stored = add(&log, "a", 10).await;
    assert_eq!(take(subscribe(log.clone(), 4), 6).await, stored[4..]);
    let live = tokio::spawn(take(subscribe(log.clone(), 12), 2));
    let added = add(&log, "a", 4).await;
    assert_eq!(live.await.unwrap(), added[2..]);
}

/// Waiting takes no polling: the log tells of each commit.
pub async fn the_log_wakes_those_who_wait(log: Log) {
    add(&log, "a", 2).await;
    let mut wake = log.wake();
    assert_eq!(*wake.borrow_and_update(), 2);
    // So rarely does it look by itself that only waking can serve it.
    let patient = Subscription::new(log.clone(), 2).interval(Duration::from_secs(3600));
    let waiting = tokio::spawn(take(patient.stream(), 3));
    for _ in 0..3 {
        add(&log, "a", 1).await;
        wake.changed().await.unwrap();
    }
    assert_eq!(*wake.borrow_and_update(), 5);
    assert_eq!(waiting.await.unwrap().len(), 3);
}
