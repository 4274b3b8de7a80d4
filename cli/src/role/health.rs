//! Whether a role is of use, and what it waits for when it is not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// What a role waits for, by name. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Health {
    /// Waits for `what`, because of `why`.
    pub(crate) fn waits(&self, what: &'static str, why: impl Into<String>) {
        self.waiting().insert(what, why.into());
    }

    /// Waits for `what` no more.
    pub(crate) fn has(&self, what: &'static str) {
        self.waiting().remove(what);
    }

    /// What is waited for, in words; none when the role is of use.
    pub(crate) fn reason(&self) -> Option<String> {
        let waiting = self.waiting();
        let reasons: Vec<_> = waiting
            .iter()
            .map(|(what, why)| format!("waiting for {what} ({why})"))
            .collect();
        (!reasons.is_empty()).then(|| reasons.join(", "))
    }

    /// The answer to `GET /readyz`.
    pub(crate) fn readyz(&self) -> Response {
        match self.reason() {
            None => axum::Json(json!({ "status": "ready" })).into_response(),
            Some(reason) => not_ready(&reason),
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A problem document (RFC 9457) that says to come again.
pub(crate) fn not_ready(reason: &str) -> Response {
    let problem = json!({
        "type": "https://countersign.dev/problems/not_ready",
        "title": "The server is not ready",
        "status": 503,
        "code": "not_ready",
        "detail": reason,
    });
    let headers = [
        (header::CONTENT_TYPE, "application/problem+json"),
        (header::RETRY_AFTER, "1"),
    ];
    (
        StatusCode::SERVICE_UNAVAILABLE,
        headers,
        problem.to_string(),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_ready_when_it_waits_for_nothing_more() {
        let health = Health::default();
        assert_eq!(health.readyz().status(), StatusCode::OK);
        health.waits("NATS", "refused");
        health.waits("PostgreSQL", "no schema");
        health.has("NATS");
        let reason = "waiting for PostgreSQL (no schema)";
        assert_eq!(health.reason().as_deref(), Some(reason));
        let answer = health.readyz();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "1");
        health.has("PostgreSQL");
        assert_eq!(health.readyz().status(), StatusCode::OK);
    }
}
