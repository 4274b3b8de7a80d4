//! Lists, page by page.

use std::collections::BTreeSet;

use countersign_domain::session::SessionKind;
use serde_json::Value;

use crate::support::Server;

#[tokio::test]
async fn a_cursor_leads_through_all_rows_while_new_ones_arrive() {
    let server = Server::start().await;
    let mut old = vec![];
    for number in 0..11 {
        old.push(
            server
                .create_session(1, number, SessionKind::Sign)
                .await
                .to_string(),
        );
    }
    old.reverse();
    server.settle().await;
    let mut seen = vec![];
    let mut query = "?limit=4".to_owned();
    for number in 100.. {
        let answer = server.get(&format!("/v1/sessions{query}")).await;
        let ids = answer.items().iter().map(|s| s["session_id"].clone());
        seen.extend(ids.map(|id| id.as_str().expect("text").to_owned()));
        let Some(cursor) = answer.body["next_cursor"].as_str() else {
            assert!(answer.body.get("next_cursor").is_none());
            break;
        };
        query = format!("?limit=4&cursor={cursor}");
        server.create_session(1, number, SessionKind::Sign).await;
        server.settle().await;
    }
    assert_eq!(seen, old);
}

#[tokio::test]
async fn every_list_goes_on_from_its_cursor() {
    let server = Server::start().await;
    for number in 1..=5u8 {
        server.register(number).await;
        server.request_key(1, number.into()).await;
    }
    server.settle().await;
    let account = crate::support::seed::account_id(1);
    for (path, id) in [
        ("/v1/accounts".to_owned(), "account_id"),
        ("/v1/keys".to_owned(), "key_id"),
        (format!("/v1/accounts/{account}/keys"), "key_id"),
    ] {
        let mut seen = BTreeSet::new();
        let mut query = "?limit=2".to_owned();
        let mut sizes = vec![];
        loop {
            let answer = server.get(&format!("{path}{query}")).await;
            sizes.push(answer.items().len());
            seen.extend(answer.items().iter().map(|row| row[id].to_string()));
            match &answer.body["next_cursor"] {
                Value::String(cursor) => query = format!("?limit=2&cursor={cursor}"),
                _ => break,
            }
        }
        assert_eq!(sizes, [2, 2, 1], "{path}");
        assert_eq!(seen.len(), 5, "{path}");
    }
}

#[tokio::test]
async fn a_page_has_a_hundred_rows_by_default() {
    let server = Server::start().await;
    for number in 0..101 {
        server.create_session(1, number, SessionKind::Sign).await;
    }
    server.settle().await;
    let answer = server.get("/v1/sessions").await;
    assert_eq!(answer.items().len(), 100);
    assert!(answer.body["next_cursor"].is_string());
}
