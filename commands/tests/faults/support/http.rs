//! Requests and answers.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// What a server answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    /// It has this status, whatever else; shows the body where it has not.
    pub(crate) fn has_status(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    /// A whole problem document with this status, code and field.
    pub(crate) fn is_problem(&self, status: u16, code: &str, field: Option<&str>) {
        let body = &self.body;
        assert_eq!(self.status.as_u16(), status, "{body}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(body["status"], status, "{body}");
        assert_eq!(body["code"], code, "{body}");
        let kind = format!("https://countersign.dev/problems/{code}");
        assert_eq!(body["type"], kind, "{body}");
        assert_eq!(body["field"], json!(field), "{body}");
        assert!(!body["title"].as_str().expect("a title").is_empty());
        assert!(!body["detail"].as_str().expect("a detail").is_empty());
        let trace_id = body["trace_id"].as_str().expect("a trace id");
        assert_eq!(trace_id.len(), 32, "{trace_id}");
    }
}

pub(crate) async fn send(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX)
        .await
        .expect("a body");
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

/// A command that carries this intent, and waits so many seconds for the result.
pub(crate) fn command(path: &str, token: &str, wait: Option<u64>) -> Request<Body> {
    let mut request = Request::post(path).header("content-type", "application/json");
    if let Some(seconds) = wait {
        request = request.header("prefer", format!("wait={seconds}"));
    }
    let body = json!({ "intent": token }).to_string();
    request.body(Body::from(body)).expect("a request")
}
