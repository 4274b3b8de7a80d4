//! Bad requests: each is refused by the name of what is wrong.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};

use crate::support::Server;
use crate::support::seed::{account_id, key_id, session_id};

async fn refused(server: &Server, path: &str, code: &str, field: Option<&str>) {
    let answer = server.get(path).await;
    assert_eq!(
        answer.status,
        StatusCode::BAD_REQUEST,
        "{path} {}",
        answer.body
    );
    assert_eq!(answer.body["code"], code, "{path}");
    assert_eq!(answer.body["field"].as_str(), field, "{path}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("countersign-position"), "0");
    let expected = format!("https://countersign.dev/problems/{code}");
    assert_eq!(answer.body["type"], expected);
    assert_eq!(answer.body["status"], 400);
    assert_eq!(answer.body["trace_id"], "e5".repeat(16));
}

#[tokio::test]
async fn parameters() {
    let server = Server::start().await;
    let session = session_id(1, 1);
    let keys_cursor = format!("6b{:016x}", 1);
    for (path, bad, field) in [
        ("/v1/accounts", "status=frozen", "status"),
        ("/v1/accounts", "status=", "status"),
        ("/v1/accounts", "username=", "username"),
        ("/v1/accounts", "email=a&email=b", "email"),
        ("/v1/keys", "account=alice", "account"),
        ("/v1/keys", "status=ACTIVE", "status"),
        ("/v1/sessions", "account=1", "account"),
        ("/v1/sessions", "key=%00", "key"),
        ("/v1/sessions", "status=done", "status"),
        ("/v1/sessions", "kind=signing", "kind"),
        ("/v1/events", "after=-1", "after"),
        ("/v1/events", "after=x", "after"),
        ("/v1/events", "limit=1001", "limit"),
        ("/v1/events", "wait=31", "wait"),
        ("/v1/events", "wait=1.5", "wait"),
        ("/v1/sessions", &format!("cursor={keys_cursor}"), "cursor"),
    ] {
        let path = format!("{path}?{bad}");
        refused(&server, &path, "invalid_parameter", Some(field)).await;
    }
    let path = format!("/v1/sessions/{session}/events?after=%2B1");
    refused(&server, &path, "invalid_parameter", Some("after")).await;
    let account = account_id(1);
    for list in [
        "/v1/accounts".to_owned(),
        format!("/v1/accounts/{account}/keys"),
        "/v1/keys".into(),
        "/v1/sessions".into(),
    ] {
        for limit in ["0", "101", "-1", "ten", "", "18446744073709551617"] {
            let path = format!("{list}?limit={limit}");
            refused(&server, &path, "invalid_parameter", Some("limit")).await;
        }
        for cursor in ["", "x", "7300", "ff00000000000000ff"] {
            let path = format!("{list}?cursor={cursor}");
            refused(&server, &path, "invalid_parameter", Some("cursor")).await;
        }
    }
}

#[tokio::test]
async fn unknown_parameters() {
    let server = Server::start().await;
    let (account, key, session) = (account_id(1), key_id(1, 1), session_id(1, 1));
    for path in [
        "/v1/accounts".to_owned(),
        format!("/v1/accounts/{account}"),
        format!("/v1/accounts/{account}/keys"),
        "/v1/keys".into(),
        format!("/v1/keys/{key}"),
        "/v1/sessions".into(),
        format!("/v1/sessions/{session}"),
        format!("/v1/sessions/{session}/events"),
        format!("/v1/sessions/{session}/timeline"),
        "/v1/events".into(),
        "/v1/events/stream".into(),
        "/v1/parties".into(),
        "/v1/roster".into(),
        "/healthz".into(),
        "/readyz".into(),
    ] {
        let path = format!("{path}?colour=red");
        refused(&server, &path, "unknown_parameter", Some("colour")).await;
    }
    refused(
        &server,
        "/v1/keys?kind=sign",
        "unknown_parameter",
        Some("kind"),
    )
    .await;
}

#[tokio::test]
async fn ids() {
    let server = Server::start().await;
    for collection in ["accounts", "keys", "sessions"] {
        for bad in ["1", "alice", "%FF", "00000000-0000-0000-0000-00000000000g"] {
            let path = format!("/v1/{collection}/{bad}");
            refused(&server, &path, "invalid_id", Some("id")).await;
        }
        let unknown = server
            .get(&format!("/v1/{collection}/{}", account_id(7)))
            .await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND);
        assert_eq!(unknown.body["code"], "not_found");
    }
    refused(&server, "/v1/accounts/x/keys", "invalid_id", Some("id")).await;
    refused(&server, "/v1/sessions/x/events", "invalid_id", Some("id")).await;
    refused(&server, "/v1/sessions/x/timeline", "invalid_id", Some("id")).await;
}

#[tokio::test]
async fn routes_and_methods() {
    let server = Server::start().await;
    for path in [
        "/",
        "/v1",
        "/v2/accounts",
        "/v1/accounts/",
        "/v1/sessions/x/y",
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.body["code"], "unknown_route", "{path}");
        assert_eq!(answer.header("countersign-position"), "0");
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let request = Request::builder().method(method).uri("/v1/accounts");
        let answer = server
            .send(request.body(Body::empty()).expect("a request"))
            .await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.body["code"], "method_not_allowed");
        assert_eq!(answer.header("allow"), "GET,HEAD");
    }
}

#[tokio::test]
async fn a_problem_in_full() {
    let server = Server::start().await;
    let answer = server.get("/v1/sessions?limit=101").await;
    insta::assert_json_snapshot!(answer.body);
}
