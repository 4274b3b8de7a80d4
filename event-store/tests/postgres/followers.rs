//! Several logs over one database, as several processes have them.

use std::{sync::Arc, time::Duration};

use countersign_event_store::{DecodedEvent, Decoder, EventLog, Subscription};
use futures::StreamExt;
use serde_json::json;

use crate::support::{append, bounded, database, open, verify};

#[tokio::test]
async fn what_one_log_has_acknowledged_the_others_read() {
    let url = database().await.url;
    let (a, b) = (open(&url).await, open(&url).await);
    for round in 1..=20 {
        a.append(append("a", "Happened", 2)).await.unwrap();
        assert_eq!(b.read_all(0, 1000).await.unwrap().len(), round * 5 - 3);
        let appended = b.append(append("a", "Happened", 3)).await.unwrap();
        assert_eq!(appended.events[0].version, round as u64 * 5 - 2);
        assert_eq!(a.read_all(0, 1000).await.unwrap().len(), round * 5);
        assert_eq!(a.head().await.unwrap(), round as u64 * 5);
    }
    assert_eq!(verify(&a).await, 100);
    assert_eq!(verify(&b).await, 100);
}

#[tokio::test]
async fn followers_hear_of_others_by_a_nudge_and_by_looking() {
    let url = database().await.url;
    let (a, b) = (open(&url).await, open(&url).await);
    let b: Arc<_> = b.into();
    for interval in [Duration::from_secs(3600), Duration::from_millis(1)] {
        let after = b.head().await.unwrap();
        let log: Arc<dyn EventLog> = b.clone();
        let mut events = Subscription::new(log, after).interval(interval).stream();
        // Its own first, so that it waits for more after that.
        b.append(append("b", "Happened", 1)).await.unwrap();
        bounded(events.next()).await.unwrap().unwrap();
        let appended = a.append(append("a", "Happened", 700)).await.unwrap();
        if interval > Duration::from_secs(1) {
            b.nudge(appended.last_position);
        }
        let rest: Vec<_> = bounded(events.take(700).collect()).await;
        let last = rest.last().unwrap().as_ref().unwrap();
        assert_eq!(last.position, appended.last_position);
    }
}

#[tokio::test]
async fn a_process_tells_what_it_has_committed_itself() {
    let url = database().await.url;
    let (a, b) = (open(&url).await, open(&url).await);
    let mut committed = a.committed();
    b.append(append("b", "Happened", 4)).await.unwrap();
    a.nudge(4);
    assert!(!committed.has_changed().unwrap());
    assert_eq!(*a.wake().borrow(), 4);
    a.append(append("a", "Happened", 1)).await.unwrap();
    bounded(committed.changed()).await.unwrap();
    assert_eq!(*committed.borrow(), 5);
}

#[tokio::test]
async fn events_are_decoded_from_the_database_as_from_memory() {
    let url = database().await.url;
    let (writer, reader) = (open(&url).await, open(&url).await);
    let session = uuid::Uuid::from_u128(1).to_string();
    let mut ready = append(&session, "ParticipantReady", 3);
    for event in &mut ready.streams[0].events {
        event.payload = json!({"type": "ParticipantReady", "party": "party-1"});
    }
    writer.append(ready).await.unwrap();
    writer.append(append(&session, "Unheard", 1)).await.unwrap();
    writer
        .append(append("no-uuid", "SessionExpired", 1))
        .await
        .unwrap();
    let told = |events: Vec<DecodedEvent>| -> Vec<_> {
        let decoded = |it: DecodedEvent| (it.recorded, it.decoded.map_err(|it| it.to_string()));
        events.into_iter().map(decoded).collect()
    };
    let decoder = Decoder::default();
    // The one has them in memory, the other has not.
    let near = told(writer.read_decoded(0, 10, &decoder).await.unwrap());
    let far = told(reader.read_decoded(0, 10, &decoder).await.unwrap());
    assert_eq!(near, far);
    let whole = writer.read_all(0, 10).await.unwrap();
    let recorded: Vec<_> = whole.iter().map(|it| it.recorded()).collect();
    let far_recorded: Vec<_> = far.iter().map(|(recorded, _)| recorded.clone()).collect();
    assert_eq!(far_recorded, recorded);
    let fine: Vec<_> = far.iter().map(|(_, decoded)| decoded.is_ok()).collect();
    assert_eq!(fine, [true, true, true, false, false]);
    let page = told(reader.read_decoded(1, 2, &decoder).await.unwrap());
    assert_eq!(page, far[1..3]);
}

#[tokio::test]
async fn what_others_append_is_read_once_for_all_who_follow() {
    let url = database().await.url;
    let (a, b) = (open(&url).await, open(&url).await);
    let b: Arc<_> = b.into();
    let mut followers: Vec<_> = (0..3)
        .map(|_| {
            let log: Arc<dyn EventLog> = b.clone();
            let interval = Duration::from_secs(3600);
            Subscription::new(log, 0).interval(interval).stream()
        })
        .collect();
    for round in 0..30 {
        // What others append stands before its own, after it, or alone.
        let mut expected = vec![];
        for (log, turn) in [(&a, 2), (&*b, 3), (&a, 5)] {
            if round % turn > 0 {
                let appended = log.append(append("a", "Happened", turn)).await.unwrap();
                expected.extend(appended.events);
            }
        }
        let Some(last) = expected.last() else {
            continue;
        };
        b.nudge(last.position);
        let seen = followers.iter_mut().map(|follower| async {
            let events = follower.take(expected.len()).map(Result::unwrap);
            bounded(events.collect::<Vec<_>>()).await
        });
        let seen = futures::future::join_all(seen).await;
        for events in &seen {
            assert_eq!(*events, expected, "round {round}");
            for (one, other) in events.iter().zip(&seen[0]) {
                assert!(
                    Arc::ptr_eq(one, other),
                    "{} is in memory once",
                    one.position
                );
            }
        }
    }
}
