//! `min_position`: read your writes.

use std::pin::pin;
use std::time::Duration;

use axum::http::StatusCode;
use countersign_domain::session::SessionKind;
use countersign_event_store::SqliteLog;
use futures::poll;
use tempfile::TempDir;

use crate::support::Server;
use crate::support::seed::{account_id, key_id, session_id};

fn reads() -> Vec<String> {
    let (account, key, session) = (account_id(1), key_id(1, 1), session_id(1, 1));
    vec![
        "/v1/accounts".into(),
        format!("/v1/accounts/{account}"),
        format!("/v1/accounts/{account}/keys"),
        "/v1/keys".into(),
        format!("/v1/keys/{key}"),
        "/v1/sessions".into(),
        format!("/v1/sessions/{session}"),
        format!("/v1/sessions/{session}/events"),
        "/v1/events".into(),
        "/v1/parties".into(),
        "/v1/roster".into(),
    ]
}

#[tokio::test]
async fn every_read_waits_for_its_min_position() {
    for path in reads() {
        let server = Server::start().await;
        server.register(1).await;
        server.request_key(1, 1).await;
        let query = format!("{path}?min_position=3");
        let mut waiting = pin!(server.get(&query));
        assert!(poll!(&mut waiting).is_pending(), "{path}");
        server.settle().await;
        assert!(poll!(&mut waiting).is_pending(), "{path}");
        server.create_session(1, 1, SessionKind::Sign).await;
        let answer = waiting.await;
        assert_eq!(answer.status, StatusCode::OK, "{path} {}", answer.body);
        assert_eq!(answer.header("countersign-position"), "3", "{path}");
    }
}

#[tokio::test]
async fn read_models_that_do_not_get_there_in_time_are_lagging() {
    let folder = TempDir::new().expect("a folder");
    let log = SqliteLog::open(folder.path().join("events.db"))
        .await
        .expect("a log");
    let server = Server::over(std::sync::Arc::new(log), Duration::ZERO);
    server.register(1).await;
    for path in reads() {
        let answer = server.get(&format!("{path}?min_position=1")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.body["code"], "lagging");
        assert_eq!(answer.header("retry-after"), "1");
        let beyond = server.get(&format!("{path}?min_position=2")).await;
        assert_eq!(beyond.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(beyond.body["code"], "position_beyond_head");
        assert_eq!(beyond.body["field"], "min_position");
    }
}

#[tokio::test]
async fn every_read_refuses_what_is_no_position() {
    let server = Server::start().await;
    for path in reads() {
        for bad in ["-1", "+1", "x", "1.0", "", "18446744073709551616", "%201"] {
            let answer = server.get(&format!("{path}?min_position={bad}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {bad}");
            assert_eq!(answer.body["code"], "invalid_parameter", "{path} {bad}");
            assert_eq!(answer.body["field"], "min_position", "{path} {bad}");
        }
    }
}
