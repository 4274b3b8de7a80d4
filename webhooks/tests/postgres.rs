//! The store in PostgreSQL.

use countersign_event_store::{EventLog as _, PostgresConfig, PostgresLog, postgres};
use countersign_webhooks::PostgresWebhooks;
use countersign_webhooks::store::conformance;

#[tokio::test(flavor = "multi_thread")]
async fn the_store_in_postgresql_conforms() {
    let database = countersign_test_servers::database().await;
    let url = database.url.as_str();
    postgres::migrate(&url.into()).await.expect("a schema");
    let log = PostgresLog::connect(PostgresConfig::new(url))
        .await
        .expect("a log");
    assert_eq!(log.head().await.expect("a head"), 0);
    conformance::run(&PostgresWebhooks::new(log.pool().clone())).await;
    log.close().await.expect("closed");
}
