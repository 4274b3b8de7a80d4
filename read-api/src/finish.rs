//! What every request and every answer goes through.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;

use crate::answer::POSITION;
use crate::api::ReadApi;
use crate::metrics;
use crate::problem::{Code, Problem};
use crate::trace::{self, TraceId};

/// Traces and times the request, and completes its answer: problems get their document,
/// and every answer has a position and, unless it says otherwise, stays out of caches.
pub(crate) async fn finish(
    State(api): State<Arc<ReadApi>>,
    mut request: Request,
    next: Next,
) -> Response {
    let trace_id = trace::id(request.headers(), &api.entropy);
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    let span = tracing::info_span!(
        "http.read",
        method = %request.method(),
        route,
        trace_id,
    );
    let position = api.models.position();
    let extensions = request.extensions_mut();
    extensions.insert(TraceId(trace_id.clone()));
    let mut response = next.run(request).instrument(span).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        problem.render(&mut response, &trace_id);
    }
    let headers = response.headers_mut();
    let position = || HeaderValue::from(position);
    headers.entry(POSITION).or_insert_with(position);
    let no_store = || HeaderValue::from_static("no-store");
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert_with(no_store);
    metrics::request(route, response.status().as_u16(), began.elapsed());
    response
}

/// A panic is a fault of this program; what it says stays in the log.
pub(crate) fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let cause = match cause.downcast::<String>() {
        Ok(text) => *text,
        Err(cause) => cause
            .downcast::<&str>()
            .map_or_else(|_| "no message".to_owned(), |text| (*text).to_owned()),
    };
    tracing::error!(cause, "an endpoint panicked");
    Problem::new(Code::Internal, "this is a fault of the server").into_response()
}
