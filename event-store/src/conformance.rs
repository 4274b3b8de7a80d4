//! The tests that every adapter of [`EventLog`] passes.
//!
//! An adapter's tests name a function that opens an empty log and returns it with
//! whatever has to live as long:
//!
//! ```
//! # mod example {
//! use std::sync::Arc;
//! use countersign_event_store::{EventLog, SqliteLog, conformance_tests};
//!
//! async fn open() -> (Arc<dyn EventLog>, tempfile::TempDir) {
//!     let folder = tempfile::tempdir().unwrap();
//!     let log = SqliteLog::open(folder.path().join("events.db")).await.unwrap();
//!     (Arc::new(log), folder)
//! }
//!
//! conformance_tests!(open);
//! # }
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "these are tests: they panic to fail"
)]

mod appends;
mod commands;
mod envelopes;
mod order;
mod personal;
mod reservations;
mod subscriptions;

pub use appends::*;
pub use commands::*;
pub use envelopes::*;
pub use order::*;
pub use personal::*;
pub use reservations::*;
pub use subscriptions::*;

use std::{pin::pin, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Append, ChainVerifier, Envelope, EventLog, ExpectedVersion, LogError, Metadata, NewEvent,
    StreamAppend, StreamId,
};

/// Declares the suite as tests over the logs that a function opens.
#[macro_export]
macro_rules! conformance_tests {
    ($open:path) => {
        $crate::conformance_tests! { @each $open:
            versions_are_checked
            streams_are_appended_to_together_or_not_at_all
            a_stream_without_events_only_asserts_its_version
            appends_that_make_no_sense_are_refused
            one_of_many_writers_of_a_version_wins
            a_repeated_command_answers_with_what_it_did
            a_command_id_serves_one_command
            a_refused_append_leaves_its_command_free
            a_command_without_events_is_remembered
            identical_concurrent_commands_append_once
            every_field_is_stored
            streams_are_chained_by_hash
            positions_are_gapless_in_commit_order_for_everyone
            reads_are_paged
            reservations_belong_to_their_owner
            a_refused_append_reserves_nothing
            one_of_many_concurrent_reservations_wins
            a_subscription_catches_up_and_goes_on_live
            a_subscription_starts_after_its_position
            the_log_wakes_those_who_wait
        }
    };
    (keys of $open:path) => {
        $crate::conformance_tests! { @each $open:
            keys_come_and_go_with_their_events
            keys_and_events_are_not_without_each_other
            one_of_many_registrations_keeps_its_key
            names_are_reserved_under_one_key
        }
    };
    (@each $open:path: $($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let (log, _kept) = $open().await;
                $crate::conformance::$name(log).await;
            }
        )*
    };
}

type Log = Arc<dyn EventLog>;

fn time() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_750_000_000_123_456).unwrap()
}

fn stream(id: impl std::fmt::Display) -> StreamId {
    StreamId::new("session", id)
}

fn to(stream: StreamId, expected: ExpectedVersion, events: u64) -> StreamAppend {
    StreamAppend {
        stream,
        expected,
        events: (0..events)
            .map(|number| NewEvent {
                event_type: "ParticipantJoined".into(),
                event_version: 1,
                payload: json!({ "number": number }),
            })
            .collect(),
    }
}

fn append(streams: impl IntoIterator<Item = StreamAppend>) -> Append {
    Append {
        command: None,
        metadata: Metadata {
            correlation_id: Uuid::from_u128(1),
            causation_id: None,
            actor: "account/alice".into(),
            trace_parent: None,
        },
        recorded_at: time(),
        streams: streams.into_iter().collect(),
        reservations: Vec::new(),
        personal: None,
    }
}

/// Appends `events` events to a stream, whatever its version.
async fn add(log: &Log, id: impl std::fmt::Display, events: u64) -> Vec<Arc<Envelope>> {
    let append = append([to(stream(id), ExpectedVersion::Any, events)]);
    log.append(append).await.unwrap().events
}

/// The whole log, checked.
async fn all(log: &Log) -> Vec<Arc<Envelope>> {
    let mut verifier = ChainVerifier::new();
    let mut events = Vec::new();
    loop {
        let page = log.read_all(verifier.position(), 100).await.unwrap();
        if page.is_empty() {
            assert_eq!(log.head().await.unwrap(), verifier.position());
            return events;
        }
        for event in &page {
            verifier.check(event).unwrap();
        }
        events.extend(page);
    }
}

/// The next `count` events of a subscription.
async fn take(
    events: impl Stream<Item = Result<Arc<Envelope>, LogError>>,
    count: usize,
) -> Vec<Arc<Envelope>> {
    let mut events = pin!(events.take(count));
    let mut taken = Vec::new();
    // The limit only turns a subscription that is stuck into a failure.
    while let Some(event) = tokio::time::timeout(Duration::from_secs(60), events.next())
        .await
        .expect("the subscription goes on")
    {
        taken.push(event.unwrap());
    }
    taken
}
