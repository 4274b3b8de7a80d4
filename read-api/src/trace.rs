//! The trace a request belongs to (W3C Trace Context).

use axum::http::HeaderMap;

use crate::api::Entropy;

/// The trace of a request, among its extensions.
#[derive(Debug, Clone)]
pub(crate) struct TraceId(pub(crate) String);

/// The trace id that the request brings, or a new one; 32 hex digits.
pub(crate) fn id(headers: &HeaderMap, entropy: &Entropy) -> String {
    let brought = headers
        .get("traceparent")
        .and_then(|value| value.to_str().ok())
        .and_then(parse);
    brought.map_or_else(|| hex::encode(entropy()), str::to_owned)
}

fn parse(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let version = parts.next()?;
    let trace_id = parts.next()?;
    let is_hex = |text: &str| {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        text.bytes().all(digit)
    };
    let legal = version.len() == 2
        && version != "ff"
        && is_hex(version)
        && trace_id.len() == 32
        && is_hex(trace_id)
        && trace_id.bytes().any(|b| b != b'0');
    legal.then_some(trace_id)
}
