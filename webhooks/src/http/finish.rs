//! What every request and every answer goes through.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;

use super::problem::{Code, Problem};
use crate::metrics;
use crate::service::Webhooks;

/// Traces and times the request, and completes its answer: problems get their document,
/// and every answer stays out of caches.
pub(super) async fn finish(
    State(webhooks): State<Arc<Webhooks>>,
    request: Request,
    next: Next,
) -> Response {
    let trace_id = trace_id(request.headers(), &webhooks);
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    let span = tracing::info_span!(
        "http.webhooks",
        method = %request.method(),
        route,
        trace_id,
    );
    let mut response = next.run(request).instrument(span).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        problem.render(&mut response, &trace_id);
    }
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    metrics::request(route, response.status().as_u16(), began.elapsed());
    response
}

/// A panic is a fault of this program; what it says stays in the log.
pub(super) fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let cause = match cause.downcast::<String>() {
        Ok(text) => *text,
        Err(cause) => cause
            .downcast::<&str>()
            .map_or_else(|_| "no message".to_owned(), |text| (*text).to_owned()),
    };
    tracing::error!(cause, "an endpoint panicked");
    Problem::new(Code::Internal, "this is a fault of the server").into_response()
}

/// The trace id that the request brings (W3C Trace Context), or a new one.
fn trace_id(headers: &HeaderMap, webhooks: &Webhooks) -> String {
    let brought = headers
        .get("traceparent")
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split('-').nth(1))
        .filter(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()))
        .filter(|id| id.bytes().any(|b| b != b'0'));
    brought.map_or_else(
        || webhooks.id().simple().to_string(),
        str::to_ascii_lowercase,
    )
}
