//! The store of the embedded mode.

use countersign_webhooks::store::conformance;
use countersign_webhooks::{SqliteWebhooks, WebhookStore as _};

#[tokio::test]
async fn the_store_in_a_file_conforms_and_keeps() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("webhooks.db");
    let store = SqliteWebhooks::open(&path).await.expect("opened");
    conformance::run(&store).await;
    let kept = conformance::subscription(5);
    store.insert(&kept, 9).await.expect("inserted");
    store.close().await;
    let store = SqliteWebhooks::open(&path).await.expect("opened again");
    assert_eq!(store.list().await.expect("listed"), [kept]);
}
