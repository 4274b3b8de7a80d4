//! `/v1/events`.

use std::pin::pin;
use std::time::Duration;

use axum::http::StatusCode;
use futures::poll;
use serde_json::{Value, json};

use crate::fake_log::{FakeLog, Mood};
use crate::support::{Answer, Server};

fn positions(answer: &Answer) -> Vec<u64> {
    let events = answer.body["events"].as_array().expect("events");
    let positions = events.iter().map(|e| e["position"].as_u64());
    positions
        .map(|position| position.expect("a number"))
        .collect()
}

#[tokio::test]
async fn events_as_they_are_in_the_log() {
    let server = Server::start().await;
    server.register(1).await;
    server.settle().await;
    let answer = server.get("/v1/events").await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_json_snapshot!(answer.body);
}

#[tokio::test]
async fn reading_on_from_next_after_shows_every_event_once() {
    let server = Server::start().await;
    for number in 1..=7 {
        server.register(number).await;
    }
    let mut seen = vec![];
    let mut after = json!(0);
    loop {
        let answer = server
            .get(&format!("/v1/events?after={after}&limit=3"))
            .await;
        assert_eq!(answer.body["head_position"], 7);
        let page = positions(&answer);
        assert!(page.len() <= 3);
        if page.is_empty() {
            assert_eq!(answer.body["next_after"], after);
            break;
        }
        seen.extend(page);
        after = answer.body["next_after"].clone();
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn waiting_is_answered_by_the_next_event() {
    let server = Server::start().await;
    server.register(1).await;
    let mut waiting = pin!(server.get("/v1/events?after=1&wait=30"));
    assert!(poll!(&mut waiting).is_pending());
    server.register(2).await;
    let answer = waiting.await;
    assert_eq!(positions(&answer), [2]);
    assert_eq!(answer.body["next_after"], 2);
}

#[tokio::test]
async fn what_is_there_is_not_waited_for() {
    let server = Server::start().await;
    server.register(1).await;
    let answer = server.get("/v1/events?wait=30").await;
    assert_eq!(positions(&answer), [1]);
}

#[tokio::test]
async fn waiting_in_vain_ends_with_no_events() {
    let server = Server::over(FakeLog::new(Mood::Empty), Duration::ZERO);
    let start = std::time::Instant::now();
    let answer = server.get("/v1/events?wait=1").await;
    let expected: Value = json!({ "events": [], "head_position": 0, "next_after": 0 });
    assert_eq!(answer.body, expected);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn after_the_head_there_is_nothing_to_follow() {
    let server = Server::start().await;
    server.register(1).await;
    let answer = server.get("/v1/events?after=2&wait=30").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.body["code"], "position_beyond_head");
    assert_eq!(answer.body["field"], "after");
}

#[tokio::test]
async fn a_thousand_events_at_once_and_a_hundred_by_default() {
    let server = Server::start().await;
    for number in 0..120u8 {
        server.register(number).await;
    }
    assert_eq!(positions(&server.get("/v1/events").await).len(), 100);
    let answer = server.get("/v1/events?limit=1000").await;
    assert_eq!(positions(&answer).len(), 120);
}
