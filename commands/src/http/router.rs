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
use super::{accounts, health, keys, sessions, signatures};
use crate::service::Commands;

/// Serves the command endpoints.
pub fn router(commands: Arc<Commands>) -> Router {
    Router::new()
        .route("/v1/accounts", post(accounts::register))
        .route("/v1/accounts/{id}/suspend", post(accounts::suspend))
        .route("/v1/accounts/{id}/reactivate", post(accounts::reactivate))
        .route("/v1/accounts/{id}/erase", post(accounts::erase))
        .route("/v1/accounts/{id}/keys", post(keys::create))
        .route("/v1/keys/{id}/freeze", post(keys::freeze))
        .route("/v1/keys/{id}/unfreeze", post(keys::unfreeze))
        .route("/v1/keys/{id}/signatures", post(signatures::create))
        .route("/v1/sessions/{id}/cancel", post(sessions::cancel))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .fallback(unknown_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(commands.clone(), finish))
        .with_state(commands)
}

async fn unknown_route(uri: Uri) -> Problem {
    let detail = format!("there is no endpoint `{}`", uri.path());
    Problem::new(Code::UnknownRoute, detail)
}

async fn method_not_allowed(method: Method) -> Problem {
    let detail =
        format!("{method} is not possible here: commands are POST, reads go to the read API");
    Problem::new(Code::MethodNotAllowed, detail)
}
