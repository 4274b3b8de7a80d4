//! Times and positions of a log whose clocks disagree, and its read half as a file.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use countersign_event_store::{
    DISORDER, EventLog, Point, PointError, ReadLog, SqliteReader, StreamId,
};

use crate::support::{append, file, folder, open};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_750_000_000 + seconds, 0).unwrap()
}

/// Whoever asks does so long after.
fn now() -> DateTime<Utc> {
    at(1_000_000)
}

/// A log with events at these times, one append each.
async fn log_of(
    times: impl IntoIterator<Item = (i64, u64)>,
) -> (Arc<dyn EventLog>, tempfile::TempDir) {
    let folder = folder();
    let log = open(&folder).await;
    for (seconds, events) in times {
        let mut next = append("a", "Happened", events);
        next.recorded_at = at(seconds);
        log.append(next).await.unwrap();
    }
    (Arc::new(log), folder)
}

#[tokio::test]
async fn a_time_is_the_last_position_that_was_recorded_until_then() {
    // Two clocks, one of them 40 s behind; and steps of many events at one time.
    let jitter = |n: i64| if n % 3 == 0 { n * 10 - 40 } else { n * 10 };
    let times = (1..=150).map(|n| (jitter(n), if n % 20 == 0 { 40 } else { 3 }));
    let (log, _folder) = log_of(times).await;
    let all = log.read_all(0, usize::MAX).await.unwrap();
    assert!(all.is_sorted_by_key(|event| event.position));
    assert!(!all.is_sorted_by_key(|event| event.recorded_at));
    for seconds in (-31..1_520).step_by(7) {
        let time = at(seconds);
        let until = all.iter().filter(|event| event.recorded_at <= time);
        let expected = until.map(|event| event.position).max();
        let found = Point::Time(time).resolve(&log, now()).await;
        match expected {
            Some(position) => assert_eq!(found.unwrap(), position, "{seconds}"),
            None => assert!(
                matches!(found, Err(PointError::BeforeFirst { .. })),
                "{seconds}"
            ),
        }
    }
}

#[tokio::test]
async fn clocks_may_disagree_for_as_many_events_as_is_said() {
    // The last event that bears an early time is as far off as may be.
    let later = DISORDER as u64 - 1;
    let (log, _folder) = log_of([(10, 1), (50, later), (20, 1), (60, 5)]).await;
    let found = Point::Time(at(30)).resolve(&log, now()).await.unwrap();
    assert_eq!(found, later + 2);
}

#[tokio::test]
async fn what_is_no_point_of_the_log_is_refused_with_the_reason() {
    let (log, _folder) = log_of([(0, 2), (10, 1)]).await;
    let resolve = async |point: Point| {
        let resolved = point.resolve(&log, at(100)).await;
        resolved.map_err(|error| error.to_string())
    };
    assert_eq!(resolve(Point::Position(0)).await, Ok(0));
    assert_eq!(resolve(Point::Position(3)).await, Ok(3));
    assert_eq!(
        resolve(Point::Position(4)).await,
        Err("position 4 is beyond the head of the log, 3: name one up to that".into())
    );
    let before = resolve(Point::Time(at(0) - TimeDelta::microseconds(1))).await;
    assert!(
        before
            .clone()
            .unwrap_err()
            .contains("before the first event"),
        "{before:?}"
    );
    assert_eq!(resolve(Point::Time(at(0))).await, Ok(2));
    assert_eq!(resolve(Point::Time(at(100))).await, Ok(3));
    let future = resolve(Point::Time(at(161))).await;
    assert!(
        future.clone().unwrap_err().contains("in the future"),
        "{future:?}"
    );
    let (empty, _folder) = log_of([]).await;
    let nothing = Point::Time(at(0)).resolve(&empty, now()).await;
    assert!(matches!(nothing, Err(PointError::Empty)));
}

#[test]
fn a_point_is_read_from_a_number_or_a_time() {
    let point = |text: &str| text.parse::<Point>();
    assert_eq!(point("17").unwrap(), Point::Position(17));
    let noon = DateTime::parse_from_rfc3339("2026-01-31T12:00:00Z").unwrap();
    let noon = Point::Time(noon.to_utc());
    assert_eq!(point("2026-01-31T12:00:00Z").unwrap(), noon);
    assert_eq!(point("2026-01-31T14:00:00.000+02:00").unwrap(), noon);
    assert_eq!(noon.to_string(), "2026-01-31T12:00:00Z");
    for bad in [
        "",
        "-1",
        "1.5",
        "0x11",
        "99999999999999999999",
        "yesterday",
        "2026-01-31",
        "2026-01-31T12:00:00",
        // What becomes of a plus in a URL.
        "2026-01-31T14:00:00 02:00",
        "2026-02-30T12:00:00Z",
    ] {
        let error = point(bad).unwrap_err().to_string();
        assert!(error.contains("such as 17"), "{bad}: {error}");
    }
}

#[tokio::test]
async fn the_file_of_a_log_is_read_as_the_log_is() {
    let folder = folder();
    let log = open(&folder).await;
    for id in ["a", "b", "a"] {
        log.append(append(id, "Happened", 200)).await.unwrap();
    }
    let reader = SqliteReader::open(file(&folder)).await.unwrap();
    let log: Arc<dyn EventLog> = Arc::new(log);
    let (log, reader): (&dyn ReadLog, &dyn ReadLog) = (&log, &reader);
    let stream = StreamId::new("session", "a");
    for (after, limit) in [(0, 1000), (3, 250), (399, 5), (400, 5)] {
        assert_eq!(
            reader.read_stream(&stream, after, limit).await.unwrap(),
            log.read_stream(&stream, after, limit).await.unwrap(),
        );
        assert_eq!(
            reader.read_all(after, limit).await.unwrap(),
            log.read_all(after, limit).await.unwrap(),
        );
    }
    assert_eq!(reader.head().await.unwrap(), 600);
}
