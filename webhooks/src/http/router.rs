//! The routes.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use axum::routing::{get, post};
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;

use super::finish::{finish, panicked};
use super::problem::{Code, Problem};
use super::request::MAX_BODY;
use super::{dead_letters, health, webhooks};
use crate::service::Webhooks;

/// Serves the endpoints.
pub fn router(webhooks: Arc<Webhooks>) -> Router {
    let one = get(webhooks::get)
        .patch(webhooks::change)
        .delete(webhooks::remove);
    Router::new()
        .route("/v1/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/v1/webhooks/{id}", one)
        .route("/v1/webhooks/{id}/rotate-secret", post(webhooks::rotate))
        .route("/v1/webhooks/{id}/replay", post(webhooks::replay))
        .route("/v1/webhooks/{id}/test", post(webhooks::test))
        .route("/v1/webhooks/{id}/dead-letters", get(dead_letters::list))
        .route(
            "/v1/webhooks/{id}/dead-letters/{position}/redeliver",
            post(dead_letters::redeliver),
        )
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .fallback(unknown_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(webhooks.clone(), finish))
        .with_state(webhooks)
}

async fn unknown_route(uri: Uri) -> Problem {
    let detail = format!("there is no endpoint `{}`", uri.path());
    Problem::new(Code::UnknownRoute, detail)
}

async fn method_not_allowed(method: Method) -> Problem {
    let detail = format!("{method} is not possible here");
    Problem::new(Code::MethodNotAllowed, detail)
}
