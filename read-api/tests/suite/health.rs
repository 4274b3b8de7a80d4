//! `/healthz` and `/readyz`.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;

use crate::fake_log::{FakeLog, Mood};
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

#[tokio::test]
async fn a_log_that_goes_away_later_is_not_ready_and_comes_back() {
    let log = FakeLog::new(Mood::Empty);
    let server = Server::over(log.clone(), Duration::ZERO);
    assert_eq!(server.get("/readyz").await.status, StatusCode::OK);
    log.becomes(Mood::Failing);
    let away = server.get("/readyz").await;
    assert_eq!(away.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(away.body["code"], "unavailable");
    assert_eq!(away.header("retry-after"), "1");
    log.becomes(Mood::Empty);
    assert_eq!(server.get("/readyz").await.status, StatusCode::OK);
}
