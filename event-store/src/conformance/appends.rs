//! Expected versions, and appends to several streams.

use futures::future::join_all;
use serde_json::json;

use super::{Log, add, all, append, stream, to};
use crate::{
    AppendError,
    ExpectedVersion::{Any, Exact, NoStream},
};

/// An append to a stream at another version is a conflict and leaves nothing.
pub async fn versions_are_checked(log: Log) {
    for (id, first) in [("a", NoStream), ("b", Exact(0)), ("c", Any)] {
        let at = |expected| append([to(stream(id), expected, 2)]);
        let appended = log.append(at(first)).await.unwrap();
        let versions: Vec<_> = appended.events.iter().map(|event| event.version).collect();
        assert_eq!(versions, [1, 2]);
        let head = log.head().await.unwrap();
        assert_eq!(appended.last_position, head);
        for wrong in [NoStream, Exact(0), Exact(1), Exact(3)] {
            match log.append(at(wrong)).await {
                Err(AppendError::Conflict {
                    stream: conflicting,
                    expected,
                    actual: 2,
                }) => assert_eq!((conflicting, expected), (stream(id), wrong)),
                other => panic!("{wrong:?}: {other:?}"),
            }
            assert_eq!(log.head().await.unwrap(), head);
        }
        log.append(at(Exact(2))).await.unwrap();
        log.append(at(Any)).await.unwrap();
        assert_eq!(log.read_stream(&stream(id), 0, 9).await.unwrap().len(), 6);
    }
}

/// One conflict stops a whole append; without one the streams take contiguous
/// positions in the order given.
pub async fn streams_are_appended_to_together_or_not_at_all(log: Log) {
    add(&log, "b", 1).await;
    let both = |b| append([to(stream("a"), NoStream, 2), to(stream("b"), b, 1)]);
    let refused = log.append(both(NoStream)).await;
    assert!(matches!(
        refused,
        Err(AppendError::Conflict { actual: 1, .. })
    ));
    assert_eq!(all(&log).await.len(), 1);
    let appended = log.append(both(Exact(1))).await.unwrap();
    let placed: Vec<_> = appended
        .events
        .iter()
        .map(|event| (event.position, event.stream.clone(), event.version))
        .collect();
    let expected = [
        (2, stream("a"), 1),
        (3, stream("a"), 2),
        (4, stream("b"), 2),
    ];
    assert_eq!(placed, expected);
    assert_eq!(all(&log).await[1..], appended.events);
}

/// A stream without events is checked and not written.
pub async fn a_stream_without_events_only_asserts_its_version(log: Log) {
    add(&log, "key", 3).await;
    let guarded = |version| append([to(stream("key"), version, 0), to(stream("a"), Any, 1)]);
    log.append(guarded(Exact(3))).await.unwrap();
    for wrong in [NoStream, Exact(2), Exact(4)] {
        let refused = log.append(guarded(wrong)).await;
        assert!(matches!(
            refused,
            Err(AppendError::Conflict { actual: 3, .. })
        ));
    }
    let absent = append([to(stream("absent"), NoStream, 0)]);
    let appended = log.append(absent).await.unwrap();
    assert_eq!((appended.last_position, appended.events.len()), (4, 0));
    let absent = append([to(stream("absent"), Exact(1), 0)]);
    assert!(matches!(
        log.append(absent).await,
        Err(AppendError::Conflict { actual: 0, .. })
    ));
    assert_eq!(all(&log).await.len(), 4);
}

/// What no log could store faithfully is refused before it is tried.
pub async fn appends_that_make_no_sense_are_refused(log: Log) {
    let twice = append([to(stream("a"), Any, 1), to(stream("a"), Any, 1)]);
    let mut fraction = append([to(stream("a"), Any, 1)]);
    fraction.streams[0].events[0].payload = json!({"amount": 0.1});
    let mut unnamed = append([to(stream("a"), Any, 1)]);
    unnamed.streams[0].events[0].event_type.clear();
    let mut slash = append([to(stream("a"), Any, 1)]);
    slash.streams[0].stream.aggregate_type = "a/b".into();
    let control = append([to(stream("a\0"), Any, 1)]);
    for refused in [twice, fraction, unnamed, slash, control] {
        assert!(matches!(
            log.append(refused).await,
            Err(AppendError::Invalid(_))
        ));
    }
    assert_eq!(log.head().await.unwrap(), 0);
}

/// Of concurrent appends that expect the same version, one happens.
pub async fn one_of_many_writers_of_a_version_wins(log: Log) {
    for version in 0..8 {
        let racing = (0..16).map(|_| {
            let log = log.clone();
            let append = append([to(stream("a"), Exact(version), 1)]);
            tokio::spawn(async move { log.append(append).await })
        });
        let mut won = 0;
        for outcome in join_all(racing).await {
            match outcome.unwrap() {
                Ok(_) => won += 1,
                Err(AppendError::Conflict { actual, .. }) => assert_eq!(actual, version + 1),
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(won, 1);
    }
    assert_eq!(all(&log).await.len(), 8);
}
