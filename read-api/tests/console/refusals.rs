//! What has no page says why, in the words and with the status of the API.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use countersign_event_store::EventLog as _;

use crate::shared::support::seed::session_id;
use crate::world::World;

#[tokio::test]
async fn refusals_are_pages_with_the_sentence_and_status_of_the_api() {
    let world = World::demo().await;
    let head = world.log.head().await.expect("a head");
    let unknown = session_id(9, 9);
    for (page, endpoint) in [
        (
            "/console/sessions/no-id".into(),
            "/v1/sessions/no-id".into(),
        ),
        (
            format!("/console/sessions/{unknown}"),
            format!("/v1/sessions/{unknown}"),
        ),
        (
            format!("/console/keys/{unknown}"),
            format!("/v1/keys/{unknown}"),
        ),
        (
            format!("/console/accounts/{unknown}"),
            format!("/v1/accounts/{unknown}"),
        ),
        (
            "/console/sessions?status=asleep".into(),
            "/v1/sessions?status=asleep".into(),
        ),
        (
            "/console/keys?account=x".into(),
            "/v1/keys?account=x".into(),
        ),
        ("/console/keys?cursor=x".into(), "/v1/keys?cursor=x".into()),
        (
            "/console/accounts?colour=red".into(),
            "/v1/accounts?colour=red".into(),
        ),
        (
            "/console/events?type=SesionCreated".into(),
            "/v1/events/stream?type=SesionCreated".into(),
        ),
        (
            format!("/console/events?after={}", head + 1),
            format!("/v1/events?after={}", head + 1),
        ),
    ] {
        let (page, endpoint): (String, String) = (page, endpoint);
        let answer = world.get(&page).await;
        let api = world.get(&endpoint).await;
        assert_eq!(answer.status, api.status, "{page}");
        assert!(answer.status.is_client_error(), "{page}");
        let document: serde_json::Value = serde_json::from_str(&api.text).expect("a document");
        let detail = document["detail"].as_str().expect("a detail");
        assert!(
            answer.text.contains(detail),
            "{page}: {detail}: {}",
            answer.text
        );
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert!(
            answer
                .header("content-security-policy")
                .starts_with("default-src 'none'")
        );
        // Nothing of it gets lost on the way out.
        assert!(answer.text.ends_with("</html>"), "{page}");
        assert!(
            answer.text.contains(&"e5".repeat(16)),
            "the trace: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn positions_and_pages_that_are_not_there() {
    let world = World::demo().await;
    for (path, status) in [
        ("/console/events/0", StatusCode::NOT_FOUND),
        ("/console/events/100000", StatusCode::NOT_FOUND),
        (
            "/console/events/18446744073709551615",
            StatusCode::NOT_FOUND,
        ),
        ("/console/events/one", StatusCode::BAD_REQUEST),
        ("/console/events/+1", StatusCode::BAD_REQUEST),
        ("/console/events?from=1&after=1", StatusCode::BAD_REQUEST),
        ("/console/events?from=100000", StatusCode::BAD_REQUEST),
        ("/console/nothing", StatusCode::NOT_FOUND),
        ("/console/nothing/here", StatusCode::NOT_FOUND),
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(
            answer.header("content-type"),
            "text/html; charset=utf-8",
            "{path}"
        );
    }
    let post = Request::post("/console/")
        .body(Body::empty())
        .expect("a request");
    let answer = world.send(post).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
}
