//! The routes.

use std::sync::Arc;

use axum::http::{Method, Uri};
use axum::routing::get;
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;

use crate::api::ReadApi;
use crate::finish::{finish, panicked};
use crate::problem::{Code, Problem};
use crate::{
    accounts, checkpoints, console, events, health, keys, parties, roster, sessions, stream,
};

/// Serves the endpoints.
pub fn router(api: Arc<ReadApi>) -> Router {
    let routes = Router::new()
        .route("/v1/accounts", get(accounts::list::handle))
        .route("/v1/accounts/{id}", get(accounts::get::handle))
        .route("/v1/accounts/{id}/keys", get(accounts::keys::handle))
        .route("/v1/keys", get(keys::list::handle))
        .route("/v1/keys/{id}", get(keys::get::handle))
        .route("/v1/sessions", get(sessions::list::handle))
        .route("/v1/sessions/{id}", get(sessions::get::handle))
        .route("/v1/sessions/{id}/events", get(sessions::events::handle))
        .route(
            "/v1/sessions/{id}/timeline",
            get(sessions::timeline::handle),
        )
        .route("/v1/events", get(events::handle))
        .route("/v1/events/stream", get(stream::handle))
        .route("/v1/checkpoints/latest", get(checkpoints::latest))
        .route("/v1/checkpoint", get(checkpoints::note))
        .route("/v1/parties", get(parties::handle))
        .route("/v1/roster", get(roster::handle))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz));
    let routes = if api.console {
        routes.merge(console::routes(&api))
    } else {
        routes
    };
    routes
        .fallback(unknown_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(api.clone(), finish))
        .with_state(api)
}

pub(crate) async fn unknown_route(uri: Uri) -> Problem {
    let detail = format!("there is no endpoint `{}`", uri.path());
    Problem::new(Code::UnknownRoute, detail)
}

pub(crate) async fn method_not_allowed(method: Method) -> Problem {
    let detail = format!("{method} is not possible here: commands go to the command API");
    Problem::new(Code::MethodNotAllowed, detail)
}
