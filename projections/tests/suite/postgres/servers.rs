//! What becomes of it when the server goes away.

use std::sync::Arc;

use countersign_event_store::EventLog as _;
use countersign_test_servers::Postgres;

use super::fixture::{Fixture, everything};
use crate::projector::{PATIENCE, append, history};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_restarted_is_caught_up_with() {
    let mut server = Postgres::start().expect("a server");
    let fixture = Fixture::at(&server.url("postgres")).await;
    let leases = Arc::default();
    let projecting = fixture.project(&leases, "one");
    let models = fixture.models().await;
    let world = history(3);
    let third = world.log.len() / 3;
    for (number, envelope) in world.log.iter().enumerate() {
        append(&*fixture.log, envelope).await;
        if number == third {
            // In the middle of its work, and as after a crash.
            server.stop(false);
        }
        if number == 2 * third {
            assert!(
                models
                    .list_keys(&Default::default(), None, 1)
                    .await
                    .is_err()
            );
            server.resume().expect("the server again");
        }
    }
    let head = fixture.log.head().await.expect("a head");
    models.wait_for(head, PATIENCE).await.expect("caught up");
    let memory = fixture.in_memory().await;
    assert_eq!(everything(&models).await, everything(&memory).await);
    projecting.stop().await;
}

#[tokio::test]
async fn a_database_without_the_tables_is_refused_in_words() {
    let database = countersign_test_servers::database().await;
    let pool = sqlx::PgPool::connect(&database.url).await.expect("a pool");
    let refused = countersign_projections::PostgresStore::connect(pool).await;
    let error = refused.expect_err("there are no tables");
    assert_eq!(
        error.to_string(),
        "the read models failed: reading the active versions"
    );
}
