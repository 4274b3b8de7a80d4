//! The trace a request belongs to (W3C Trace Context).

use axum::http::HeaderMap;

use crate::config::Entropy;

/// A request's trace: kept for its problems, and given to its events.
#[derive(Debug, Clone)]
pub(super) struct Trace {
    /// 32 hex digits.
    pub(super) id: String,
    /// The header that the events keep.
    pub(super) parent: String,
}

impl Trace {
    /// The trace that the request brings, or a new one.
    pub(super) fn of(headers: &HeaderMap, entropy: &Entropy) -> Self {
        let brought = headers
            .get("traceparent")
            .and_then(|value| value.to_str().ok());
        if let Some((id, parent)) = brought.and_then(|text| Some((parse(text)?, text))) {
            return Self {
                id: id.to_owned(),
                parent: parent.to_owned(),
            };
        }
        let id = hex::encode(entropy());
        let parent = format!("00-{id}-{}-01", &id[..16]);
        Self { id, parent }
    }
}

fn parse(traceparent: &str) -> Option<&str> {
    let is_hex = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let parts: Vec<_> = traceparent.split('-').collect();
    let [version, id, span, flags] = parts[..] else {
        return None;
    };
    let lengths = version.len() == 2 && id.len() == 32 && span.len() == 16 && flags.len() == 2;
    let legal = lengths
        && [version, id, span, flags].into_iter().all(is_hex)
        && version != "ff"
        && id.bytes().any(|b| b != b'0')
        && span.bytes().any(|b| b != b'0');
    legal.then_some(id)
}
