//! What is not the client's fault says nothing of the inside.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};

use crate::fake_log::{FakeLog, Mood};
use crate::support::Server;

fn over(mood: Mood) -> Server {
    Server::over(FakeLog::new(mood), Duration::ZERO)
}

#[tokio::test]
async fn a_panic_is_a_500_without_its_message() {
    let answer = over(Mood::Panicking).get("/v1/events").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    insta::assert_json_snapshot!(answer.body);
}

#[tokio::test]
async fn a_log_that_fails_is_a_503_without_the_cause() {
    let answer = over(Mood::Failing).get("/v1/events").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), "1");
    insta::assert_json_snapshot!(answer.body);
}

#[tokio::test]
async fn the_trace_id_is_the_one_the_request_brought() {
    let server = over(Mood::Failing);
    let ask = async |traceparent: &str| {
        let request = Request::get("/v1/events").header("traceparent", traceparent);
        let answer = server
            .send(request.body(Body::empty()).expect("a request"))
            .await;
        answer.body["trace_id"].as_str().expect("text").to_owned()
    };
    let brought = "4bf92f3577b34da6a3ce929d0e0e4736";
    let valid = format!("00-{brought}-00f067aa0ba902b7-01");
    assert_eq!(ask(&valid).await, brought);
    let zeros = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
    for bad in ["", "00-xyz", &zeros, &valid.to_uppercase()] {
        assert_eq!(ask(bad).await, "e5".repeat(16), "{bad}");
    }
}
