//! `/healthz` and `/readyz`.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::Server;

#[tokio::test]
async fn ready_when_the_read_models_have_reached_the_head_at_start() {
    let server = Server::behind().await;
    server.register(1).await;
    server.register(2).await;
    assert_eq!(server.get("/healthz").await.status, StatusCode::OK);
    let not_yet = server.get("/readyz").await;
    assert_eq!(not_yet.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(not_yet.header("retry-after"), "1");
    assert_eq!(not_yet.body["code"], "not_ready");
    server.project();
    server.settle().await;
    // What came later does not matter.
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::OK);
    let expected =
        json!({ "status": "ready", "position": 2, "head_at_start": 2, "skipped_events": 0 });
    assert_eq!(ready.body, expected);
}

#[tokio::test]
async fn an_empty_log_is_ready() {
    let server = Server::behind().await;
    assert_eq!(server.get("/readyz").await.status, StatusCode::OK);
    let healthy = server.get("/healthz").await;
    assert_eq!(healthy.body, json!({ "status": "ok" }));
}
