//! What every answer of the console goes through: problems become pages, and browsers
//! are told what they may do.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use countersign_console::{CONTENT_SECURITY_POLICY, problem};

use super::html::{MEDIA_TYPE, frame};
use crate::api::ReadApi;
use crate::problem::Problem;
use crate::trace::TraceId;

const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

pub(super) async fn dress(
    State(api): State<Arc<ReadApi>>,
    request: Request,
    next: Next,
) -> Response {
    let trace = request.extensions().get::<TraceId>().cloned();
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let trace = trace.as_ref().map_or("", |trace| &trace.0);
        let frame = frame(&api, api.models.position());
        let page = problem::page(frame, &problem.page(trace));
        *response.body_mut() = page.into();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
        if let Some(seconds) = problem.try_again() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
    }
    response.headers_mut().extend(HEADERS);
    response
}
