//! The global order, and reading it in pages.

use futures::future::join_all;

use super::{Log, add, all, append, stream, take, to};
use crate::{ExpectedVersion::Any, subscribe};

/// Under concurrent writers every reader and every follower sees the same log:
/// each append in one piece, and after all that its writer had appended before.
pub async fn positions_are_gapless_in_commit_order_for_everyone(log: Log) {
    const WRITERS: u64 = 8;
    const ROUNDS: u64 = 40;
    const TOTAL: usize = (WRITERS * ROUNDS * 3) as usize;
    let followers: Vec<_> = (0..3)
        .map(|_| tokio::spawn(take(subscribe(log.clone(), 0), TOTAL)))
        .collect();
    let writers = (0..WRITERS).map(|writer| {
        let log = log.clone();
        tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for _ in 0..ROUNDS {
                let head = log.head().await.unwrap();
                let own = to(stream(writer), Any, 2);
                let shared = to(stream("shared"), Any, 1);
                let appended = log.append(append([own, shared])).await.unwrap();
                let first = appended.events[0].position;
                assert!(first > head, "{first} was given out before {head}");
                for (event, position) in appended.events.iter().zip(first..) {
                    assert_eq!(event.position, position);
                }
                assert!(log.head().await.unwrap() >= appended.last_position);
                acknowledged.extend(appended.events);
            }
            acknowledged
        })
    });
    let mut acknowledged = Vec::new();
    for writer in join_all(writers).await {
        acknowledged.extend(writer.unwrap());
    }
    acknowledged.sort_by_key(|event| event.position);
    assert_eq!(acknowledged.len(), TOTAL);
    assert_eq!(all(&log).await, acknowledged);
    for follower in followers {
        assert_eq!(follower.await.unwrap(), acknowledged);
    }
}

/// Pages of any size put together are the whole.
pub async fn reads_are_paged(log: Log) {
    for round in 0..10_u64 {
        add(&log, round % 3, round % 4 + 1).await;
    }
    let whole = all(&log).await;
    for size in [1, 2, 7, whole.len(), usize::MAX] {
        let mut paged = Vec::new();
        loop {
            let page = log.read_all(paged.len() as u64, size).await.unwrap();
            assert!(page.len() <= size);
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, whole);
        for id in 0..3 {
            let id = stream(id);
            let mut paged = Vec::new();
            while let page = log.read_stream(&id, paged.len() as u64, size).await
                && let page = page.unwrap()
                && !page.is_empty()
            {
                assert!(page.len() <= size);
                paged.extend(page);
            }
            let of_stream = whole.iter().filter(|event| event.stream == id);
            assert!(paged.iter().eq(of_stream));
        }
    }
    let end = whole.len() as u64;
    for (after, limit) in [(0, 0), (end, 9), (end + 1, 9), (u64::MAX, 9)] {
        assert!(log.read_all(after, limit).await.unwrap().is_empty());
        let read = log.read_stream(&stream(0), after, limit).await;
        assert!(read.unwrap().is_empty());
    }
    let absent = log.read_stream(&stream("absent"), 0, 9).await;
    assert!(absent.unwrap().is_empty());
}
