//! `/v1/keys`.

use axum::http::StatusCode;

use crate::support::Server;
use crate::support::seed::account_id;

#[tokio::test]
async fn one_key() {
    let server = Server::start().await;
    let id = server.request_key(1, 1).await;
    server.activate_key(id).await;
    server.settle().await;
    let answer = server.get(&format!("/v1/keys/{id}")).await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_json_snapshot!(answer.body);
}

#[tokio::test]
async fn filters() {
    let server = Server::start().await;
    let first = server.request_key(1, 1).await;
    let second = server.request_key(1, 2).await;
    let third = server.request_key(2, 1).await;
    server.activate_key(second).await;
    server.activate_key(third).await;
    server.settle().await;
    let account = account_id(1);
    for (query, expected) in [
        (String::new(), vec![third, second, first]),
        (format!("?account={account}"), vec![second, first]),
        ("?status=active".into(), vec![third, second]),
        (format!("?account={account}&status=active"), vec![second]),
        (format!("?account={}", account_id(7)), vec![]),
    ] {
        let answer = server.get(&format!("/v1/keys{query}")).await;
        let ids: Vec<_> = answer.items().iter().map(|k| k["key_id"].clone()).collect();
        let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
        assert_eq!(ids, expected, "{query}");
    }
}
