//! The past over a log in PostgreSQL, with snapshots beside it.

use std::sync::Arc;

use countersign_event_store::{EventLog, PostgresConfig, PostgresLog};
use countersign_projections::KeyRow;
use countersign_projections::history::{Entity as _, History};
use countersign_projections::postgres::PostgresSnapshots;
use countersign_test_servers::database;

use super::fixture::Fixture;
use crate::history::{long_stream, snapshots_help_and_never_matter};
use crate::projector::append;
use crate::support::{account_id, key_facts, session_id};

async fn open() -> (Fixture, Arc<dyn EventLog>) {
    let database = database().await;
    let fixture = Fixture::at(&database.url).await;
    let log = PostgresLog::connect(PostgresConfig::new(database.url.as_str())).await;
    (fixture, Arc::new(log.expect("a log")))
}

#[tokio::test]
async fn snapshots_in_postgres_help_and_never_matter() {
    let (fixture, log) = open().await;
    let snapshots = PostgresSnapshots::new(fixture.pool.clone());
    snapshots_help_and_never_matter(log, Arc::new(snapshots)).await;
}

#[tokio::test]
async fn rows_that_are_no_snapshots_and_a_table_that_is_gone_are_done_without() {
    let (fixture, log) = open().await;
    for envelope in long_stream(600) {
        append(&*log, &envelope).await;
    }
    let plain = History::new(Arc::new(log));
    let snapshots = Arc::new(PostgresSnapshots::new(fixture.pool.clone()));
    let history = plain.clone().with_snapshots(snapshots);
    let key = key_facts(account_id(1), session_id(1)).key;
    let at = async |history: &History| {
        let past = history.at::<KeyRow>(key, 599).await.expect("a past");
        past.row.expect("a key").show()
    };
    let expected = at(&plain).await;
    assert_eq!(at(&history).await, expected);
    assert_eq!(
        fixture
            .execute("UPDATE stream_snapshots SET hash = 'short'")
            .await,
        2
    );
    assert_eq!(at(&history).await, expected);
    assert_eq!(
        fixture
            .execute("UPDATE stream_snapshots SET state = '{}'")
            .await,
        2
    );
    assert_eq!(at(&history).await, expected);
    // They are whole again.
    let whole = "DELETE FROM stream_snapshots WHERE length(hash) = 32 AND state <> '{}'";
    assert_eq!(fixture.execute(whole).await, 2);
    fixture.execute("DROP TABLE stream_snapshots").await;
    assert_eq!(at(&history).await, expected);
}
