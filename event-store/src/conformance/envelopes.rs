//! What is stored is what was appended.

use chrono::{DateTime, TimeDelta};
use serde_json::json;
use uuid::Uuid;

use super::{Log, add, all, append, stream, time, to};
use crate::{ExpectedVersion::Any, Metadata, StreamId};

/// Every field comes back from either read, the time to the microsecond.
pub async fn every_field_is_stored(log: Log) {
    let mut full = append([to(StreamId::new("key", "é/1 ü"), Any, 1)]);
    full.metadata = Metadata {
        correlation_id: Uuid::from_u128(u128::MAX),
        causation_id: Some(Uuid::from_u128(5)),
        actor: "account/\"bob\"\n\u{1f511}".into(),
        trace_parent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
    };
    full.recorded_at = time() + TimeDelta::nanoseconds(999);
    let event = &mut full.streams[0].events[0];
    event.event_type = "KeyRequested".into();
    event.event_version = u16::MAX;
    event.payload = json!({
        "text": "\u{0}\u{1f}\"\\ é \u{1f600} \u{2028}",
        "numbers": [0, -1, 9_007_199_254_740_991_u64, -9_007_199_254_740_991_i64],
        "other": [null, true, false, "", {}, []],
        "": {"b": {"c": 1}, "a": [[[]]]},
    });
    let mut plain = append([to(stream("plain"), Any, 1)]);
    plain.streams[0].events[0].payload = json!(null);
    plain.recorded_at = DateTime::UNIX_EPOCH - TimeDelta::nanoseconds(1);
    for (position, given) in [(1, full), (2, plain)] {
        let appended = log.append(given.clone()).await.unwrap();
        let stored = &appended.events[0];
        let (new, metadata) = (&given.streams[0].events[0], &given.metadata);
        assert_eq!(stored.position, position);
        assert_eq!(stored.stream, given.streams[0].stream);
        assert_eq!(stored.version, 1);
        assert_eq!(stored.event_type, new.event_type);
        assert_eq!(stored.event_version, new.event_version);
        assert_eq!(stored.payload, new.payload);
        assert_eq!(
            stored.recorded_at.timestamp_micros(),
            given.recorded_at.timestamp_micros()
        );
        assert_eq!(stored.recorded_at.timestamp_subsec_nanos() % 1000, 0);
        assert_eq!(stored.correlation_id, metadata.correlation_id);
        assert_eq!(stored.causation_id, metadata.causation_id);
        assert_eq!(stored.actor, metadata.actor);
        assert_eq!(stored.trace_parent, metadata.trace_parent);
        assert_eq!(stored.previous_hash, [0; 32]);
        let read = log.read_stream(&stored.stream, 0, 2).await.unwrap();
        assert_eq!(read, appended.events);
        assert_eq!(read[0].hash(), stored.hash());
        let read = log.read_all(position - 1, 2).await.unwrap();
        assert_eq!(read, appended.events);
    }
}

/// Each event carries the hash of the one before it in its stream.
pub async fn streams_are_chained_by_hash(log: Log) {
    for round in 0..5 {
        add(&log, "a", 2).await;
        add(&log, round, 1).await;
    }
    for id in ["a", "0", "4"] {
        let mut previous = [0; 32];
        for event in log.read_stream(&stream(id), 0, 100).await.unwrap() {
            assert_eq!(event.previous_hash, previous);
            previous = event.hash();
        }
    }
    assert_eq!(all(&log).await.len(), 15);
}
