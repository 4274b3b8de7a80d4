//! The same commands through stock postgres-es leave the same streams.

use std::collections::HashMap;

use countersign_event_store::{
    AppendError, EventLog, ExpectedVersion, NewEvent, PostgresLog, StreamAppend, StreamId,
};
use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink, persist::PersistedEventRepository};
use postgres_es::{PostgresEventRepository, postgres_cqrs};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use crate::support::{append, bounded, connect, database, execute, open};

/// The table as postgres-es 0.5 ships it.
const STOCK: &str = "CREATE TABLE events (
    aggregate_type text NOT NULL,
    aggregate_id text NOT NULL,
    sequence bigint CHECK (sequence >= 0) NOT NULL,
    event_type text NOT NULL,
    event_version text NOT NULL,
    payload json NOT NULL,
    metadata json NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence))";

/// Counts up to a limit.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Tally {
    total: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum TallyEvent {
    Counted { amount: u64, note: String },
}

impl DomainEvent for TallyEvent {
    fn event_type(&self) -> String {
        "Counted".into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("too much")]
struct TooMuch;

impl Tally {
    fn decide(&self, amounts: &[u64]) -> Result<Vec<TallyEvent>, TooMuch> {
        if self.total + amounts.iter().sum::<u64>() > 60 {
            return Err(TooMuch);
        }
        let counted = amounts.iter().map(|amount| TallyEvent::Counted {
            amount: *amount,
            note: format!("é\"{amount}"),
        });
        Ok(counted.collect())
    }
}

impl Aggregate for Tally {
    const TYPE: &'static str = "tally";
    type Command = Vec<u64>;
    type Event = TallyEvent;
    type Error = TooMuch;
    type Services = ();

    async fn handle(
        &mut self,
        amounts: Vec<u64>,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), TooMuch> {
        for event in self.decide(&amounts)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: TallyEvent) {
        let TallyEvent::Counted { amount, .. } = event;
        self.total += amount;
    }
}

/// Carries out a command on the log.
async fn execute_on(log: &PostgresLog, id: &str, amounts: &[u64]) -> bool {
    let stream = StreamId::new(Tally::TYPE, id);
    let mut tally = Tally::default();
    let events = log.read_stream(&stream, 0, 1000).await.unwrap();
    for event in &events {
        tally.apply(serde_json::from_value(event.payload.clone()).unwrap());
    }
    let Ok(decided) = tally.decide(amounts) else {
        return false;
    };
    let mut wanted = append(id, "Counted", 0);
    wanted.streams = vec![StreamAppend {
        stream,
        expected: ExpectedVersion::Exact(events.len() as u64),
        events: decided
            .iter()
            .map(|event| NewEvent {
                event_type: event.event_type(),
                event_version: 1,
                payload: serde_json::to_value(event).unwrap(),
            })
            .collect(),
    }];
    log.append(wanted).await.unwrap();
    true
}

async fn compare(commands: Vec<(u8, Vec<u64>)>) {
    let theirs = countersign_test_servers::database().await.url;
    execute(&mut connect(&theirs).await, STOCK).await.unwrap();
    let theirs = PgPool::connect(&theirs).await.unwrap();
    let stock = postgres_cqrs::<Tally>(theirs.clone(), vec![], ());
    let log = open(&database().await.url).await;
    for (id, amounts) in commands {
        let id = id.to_string();
        let done = stock.execute(&id, amounts.clone()).await.is_ok();
        assert_eq!(execute_on(&log, &id, &amounts).await, done);
    }
    let stock = PostgresEventRepository::new(theirs);
    let ours = PostgresEventRepository::new(log.pool().clone());
    let mut lengths = HashMap::new();
    for id in 0..4_u8 {
        let id = id.to_string();
        let mut expected = stock.get_events::<Tally>(&id).await.unwrap();
        let mut actual = ours.get_events::<Tally>(&id).await.unwrap();
        let last = ours.get_last_events::<Tally>(&id, 1).await.unwrap();
        assert_eq!(last[..], actual[actual.len().min(1)..]);
        for event in &actual {
            // postgres-es takes metadata for a map of texts.
            serde_json::from_value::<HashMap<String, String>>(event.metadata.clone()).unwrap();
        }
        for event in expected.iter_mut().chain(&mut actual) {
            event.metadata = serde_json::Value::Null;
        }
        assert_eq!(actual, expected);
        lengths.insert(id, actual.len());
    }
    // And the other way: postgres-es cannot write past the log's order.
    let refused = postgres_cqrs::<Tally>(log.pool().clone(), vec![], ());
    assert!(refused.execute("new", vec![1]).await.is_err());
    log.pool().close().await;
}

#[test]
fn the_same_commands_leave_the_same_streams() {
    let commands = vec((0..4_u8, vec(1..9_u64, 0..4)), 1..40);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(8)
    };
    TestRunner::new(config)
        .run(&commands, |commands| {
            runtime.block_on(bounded(compare(commands)));
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_stale_version_is_a_conflict_for_both() {
    let log = open(&database().await.url).await;
    assert!(execute_on(&log, "a", &[1, 2]).await);
    let mut stale = append("a", "Counted", 1);
    stale.streams[0].stream = StreamId::new(Tally::TYPE, "a");
    stale.streams[0].expected = ExpectedVersion::Exact(1);
    let refused = log.append(stale).await;
    assert!(matches!(
        refused,
        Err(AppendError::Conflict { actual: 2, .. })
    ));
}
