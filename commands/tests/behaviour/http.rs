//! HTTP itself: what is refused before there is an intent, and every problem's form.

use axum::body::Body;
use axum::http::Request;

use crate::support::{World, post};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test(start_paused = true)]
async fn whatever_is_wrong_is_a_problem_document() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let id = "00000000-0000-0000-0000-000000000000";
    let large = format!("{{\"intent\":\"{}\"}}", "x".repeat(256 * 1024));
    let typed = |kind: &str| {
        Request::post("/v1/accounts")
            .header("content-type", kind)
            .body(Body::from("{}"))
            .unwrap()
    };
    let bare = Request::post("/v1/accounts")
        .body(Body::from("{}"))
        .unwrap();
    let get = Request::get("/v1/accounts").body(Body::empty()).unwrap();
    let not_utf8 = Request::post("/v1/accounts/%ff/keys")
        .header("content-type", "application/json")
        .body(Body::from("{\"intent\":\"\"}"))
        .unwrap();

    for (request, status, code, field) in [
        (post("/v1/accounts", ""), 400, "malformed_json", ""),
        (post("/v1/accounts", "{"), 400, "malformed_json", ""),
        (post("/v1/accounts", "[]"), 400, "malformed_json", ""),
        (post("/v1/accounts", "{}"), 400, "missing_field", "intent"),
        (
            post("/v1/accounts", "{\"intent\":1}"),
            400,
            "invalid_field",
            "intent",
        ),
        (
            post("/v1/accounts", "{\"intent\":\"\",\"x\":1}"),
            400,
            "unknown_field",
            "x",
        ),
        (post("/v1/accounts", &large), 413, "body_too_large", ""),
        (typed("text/plain"), 415, "unsupported_media_type", ""),
        (bare, 415, "unsupported_media_type", ""),
        (
            typed("application/vnd.api+json; charset=utf-8"),
            400,
            "missing_field",
            "intent",
        ),
        (
            post("/v1/accounts/1/keys", "{\"intent\":\"\"}"),
            400,
            "invalid_id",
            "id",
        ),
        (not_utf8, 400, "invalid_id", "id"),
        (post("/v1/nothing", "{}"), 404, "unknown_route", ""),
        (get, 405, "method_not_allowed", ""),
        (
            post(&format!("/v1/keys/{id}/signatures"), "{\"intent\":\"\"}"),
            422,
            "intent_invalid",
            "intent",
        ),
    ] {
        let what = format!("{} {}", request.method(), request.uri());
        let answer = replica.send(request).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.text("code"), code, "{what}");
        assert_eq!(
            answer.text("type"),
            format!("https://countersign.dev/problems/{code}")
        );
        assert_eq!(answer.body["status"], status);
        assert!(!answer.text("title").is_empty() && !answer.text("detail").is_empty());
        assert_eq!(answer.text("trace_id"), "07".repeat(16));
        assert_eq!(
            answer.body["field"].as_str().unwrap_or_default(),
            field,
            "{what}"
        );
    }
    assert_eq!(world.head().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_refused_method_says_which_one_is_allowed() {
    let world = World::new(2).await;
    let replica = world.replica().await;
    let get = Request::get("/v1/accounts").body(Body::empty()).unwrap();

    let answer = replica.send(get).await;

    assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
}

#[tokio::test(start_paused = true)]
async fn a_problem_carries_the_trace_of_its_request() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let zeros = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
    let own = "07".repeat(16);

    for (parent, trace) in [
        (PARENT, "4bf92f3577b34da6a3ce929d0e0e4736"),
        (
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            &own,
        ),
        (
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            &own,
        ),
        (&zeros, &own),
        ("nonsense", &own),
    ] {
        let mut request = post("/v1/accounts", "{}");
        request
            .headers_mut()
            .insert("traceparent", parent.parse().unwrap());
        let answer = replica.send(request).await;
        assert_eq!(answer.text("trace_id"), trace, "{parent}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_preference_is_honoured_as_far_as_it_can_be_understood() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;

    for (preferences, applied) in [
        (vec!["wait=5"], "wait=5"),
        (vec!["respond-async, WAIT = \"5\"; x=y"], "wait=5"),
        (vec!["respond-async", "wait=5"], "wait=5"),
        (vec!["wait=5, wait=9"], "wait=5"),
        (vec!["wait=100000"], "wait=300"),
        (vec!["wait=0"], "wait=0"),
        (vec!["wait=soon"], ""),
        (vec!["wait=-1"], ""),
        (vec!["wait=+1"], ""),
        (vec!["wait=1.5"], ""),
        (vec!["wait"], ""),
        (vec![], ""),
    ] {
        let body = serde_json::json!({ "intent": alice.create_key(2, 2) }).to_string();
        let mut request = post(&alice.keys_path(), &body);
        for preference in &preferences {
            request
                .headers_mut()
                .append("prefer", preference.parse().unwrap());
        }
        let answer = replica.send(request).await;
        assert!(matches!(answer.status, 200 | 202), "{}", answer.body);
        assert_eq!(
            answer.header("preference-applied"),
            applied,
            "{preferences:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_ready_once_it_has_caught_up_and_until_it_stops() {
    let world = World::new(2).await;
    let ask = |path| Request::get(path).body(Body::empty()).unwrap();
    let behind = world.deaf_replica();
    let answer = behind.send(ask("/readyz")).await;
    assert_eq!((answer.status, answer.text("code")), (503, "unavailable"));
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(behind.send(ask("/healthz")).await.status, 200);

    let replica = world.replica().await;
    assert_eq!(replica.send(ask("/readyz")).await.status, 200);
    let stopped = replica.clone_router();
    replica.stop().await;
    assert_eq!(stopped.send(ask("/readyz")).await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_used_is_a_reason_to_come_back() {
    let world = World::new(2).await;
    let replica = world.deaf_replica();
    let alice = crate::support::Account::new("alice", world.clock.clone());
    world.log.close().await.unwrap();

    let answer = replica.post("/v1/accounts", &alice.register()).await;

    assert_eq!((answer.status, answer.text("code")), (503, "unavailable"));
    assert_eq!(answer.header("retry-after"), "1");
    // What is wrong inside stays in the log.
    assert!(
        !answer.body.to_string().contains("events.db"),
        "{}",
        answer.body
    );
}
