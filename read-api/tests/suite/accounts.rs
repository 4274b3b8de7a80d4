//! `/v1/accounts`.

use axum::http::StatusCode;

use crate::support::Server;
use crate::support::seed::account_id;

#[tokio::test]
async fn one_account() {
    let server = Server::start().await;
    let id = server.register(1).await;
    server.settle().await;
    let answer = server.get(&format!("/v1/accounts/{id}")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("countersign-position"), "1");
    assert_eq!(answer.header("cache-control"), "no-store");
    insta::assert_json_snapshot!(answer.body);
}

#[tokio::test]
async fn filters() {
    let server = Server::start().await;
    for number in 1..=4 {
        server.register(number).await;
    }
    server.suspend(2).await;
    server.settle().await;
    for (query, expected) in [
        ("", &[4, 3, 2, 1][..]),
        ("?username=user-3", &[3]),
        ("?email=USER-1@Example.com", &[1]),
        ("?email=user-1%40example.com", &[1]),
        ("?status=active", &[4, 3, 1]),
        ("?status=suspended", &[2]),
        ("?status=closed", &[]),
        ("?status=suspended&username=user-3", &[]),
    ] {
        let answer = server.get(&format!("/v1/accounts{query}")).await;
        let ids: Vec<_> = answer
            .items()
            .iter()
            .map(|a| a["account_id"].clone())
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|n| account_id(*n).to_string())
            .collect();
        assert_eq!(ids, expected, "{query}");
        assert_eq!(answer.body["position"], 5);
    }
}

#[tokio::test]
async fn the_keys_of_an_account() {
    let server = Server::start().await;
    let id = server.register(1).await;
    let other = server.register(2).await;
    let first = server.request_key(1, 1).await;
    server.request_key(2, 1).await;
    let second = server.request_key(1, 2).await;
    server.activate_key(first).await;
    server.settle().await;
    for (path, expected) in [
        (format!("/v1/accounts/{id}/keys"), vec![second, first]),
        (format!("/v1/accounts/{id}/keys?status=active"), vec![first]),
        (format!("/v1/accounts/{other}/keys?status=active"), vec![]),
    ] {
        let answer = server.get(&path).await;
        let ids: Vec<_> = answer.items().iter().map(|k| k["key_id"].clone()).collect();
        let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
        assert_eq!(ids, expected, "{path}");
    }
    let unknown = server
        .get(&format!("/v1/accounts/{}/keys", account_id(9)))
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(unknown.body["code"], "not_found");
}

#[tokio::test]
async fn an_erased_account_is_shown_without_its_names() {
    let server = Server::start().await;
    let id = server.register(1).await;
    server.settle().await;
    let shown = server.get(&format!("/v1/accounts/{id}")).await.body;
    assert_eq!(shown["username"], "User-1");
    assert_eq!(shown["email"], "user-1@example.com");
    assert_eq!(shown["erased"], false);
    assert!(shown.get("sealed").is_none());

    server.erase(1).await;
    server.settle().await;
    let shown = server.get(&format!("/v1/accounts/{id}")).await.body;
    assert_eq!(shown["account_id"], id.to_string());
    assert_eq!(shown["status"], "closed");
    assert_eq!(shown["erased"], true);
    assert!(shown["username"].is_null() && shown["email"].is_null());
    let listed = server.get("/v1/accounts?username=user-1").await;
    assert!(listed.items().is_empty());
    assert_eq!(server.get("/v1/accounts").await.items().len(), 1);
    // The event is there as it was, and says nothing.
    let events = server.get("/v1/events").await.body.to_string();
    assert!(events.contains("sealed") && !events.contains("ser-1"));
}
