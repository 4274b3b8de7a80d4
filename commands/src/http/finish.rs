//! What every request and every answer goes through.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;

use super::problem::{Code, Problem};
use super::trace::Trace;
use crate::metrics;
use crate::service::Commands;

/// Traces and times the request and writes the document of a problem.
pub(super) async fn finish(
    State(commands): State<Arc<Commands>>,
    mut request: Request,
    next: Next,
) -> Response {
    let trace = Trace::of(request.headers(), &commands.entropy);
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    let span = tracing::info_span!(
        "http.command",
        method = %request.method(),
        route,
        trace_id = trace.id,
    );
    request.extensions_mut().insert(trace.clone());
    let mut response = next.run(request).instrument(span).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        problem.render(&mut response, &trace.id);
    }
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    metrics::request(route, response.status().as_u16(), began.elapsed());
    response
}

/// A panic is a fault of this program; what it says stays in the log.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
pub(super) fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let cause = cause
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| cause.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    tracing::error!(cause, "an endpoint panicked");
    Problem::new(Code::Internal, "this is a fault of the server").into_response()
}
