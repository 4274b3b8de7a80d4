//! Endpoints that come later: a role listens from its first moment, and says what
//! it waits for until it can answer.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use tower::ServiceExt as _;

use super::health::{Health, not_ready};

/// A place for the endpoints. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Late(Arc<OnceLock<Router>>);

impl Late {
    /// They are there.
    pub(super) fn put(&self, router: Router) {
        // A role puts its endpoints once.
        let _ = self.0.set(router);
    }

    /// Answers by the endpoints, or says that there are none yet.
    pub(super) fn router(&self, health: Health) -> Router {
        let late = self.clone();
        Router::new().fallback(move |request: Request| {
            let (late, health) = (late.clone(), health.clone());
            async move { late.answer(request, &health).await }
        })
    }

    async fn answer(&self, request: Request, health: &Health) -> Response {
        if let Some(router) = self.0.get() {
            let Ok(response) = router.clone().oneshot(request).await;
            return response;
        }
        if request.uri().path() == "/healthz" {
            return axum::Json(json!({ "status": "ok" })).into_response();
        }
        let reason = health.reason();
        not_ready(reason.as_deref().unwrap_or("still starting"))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::routing::get;

    use super::*;

    async fn status(router: &Router, path: &str) -> StatusCode {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let Ok(response) = router.clone().oneshot(request).await;
        response.status()
    }

    #[tokio::test]
    async fn the_endpoints_answer_from_the_moment_they_are_there() {
        let late = Late::default();
        let router = late.router(Health::default());
        let waiting = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(status(&router, "/healthz").await, StatusCode::OK);
        assert_eq!(status(&router, "/readyz").await, waiting);
        assert_eq!(status(&router, "/v1/keys").await, waiting);
        late.put(Router::new().route("/v1/keys", get(|| async { "keys" })));
        assert_eq!(status(&router, "/v1/keys").await, StatusCode::OK);
        assert_eq!(status(&router, "/v1/none").await, StatusCode::NOT_FOUND);
    }
}
