//! `/console/`: what the endpoints tell, as pages. Each page reads through the same
//! functions as the endpoint beside it; how it looks is the matter of the crate
//! `countersign-console`.

mod accounts;
mod assets;
mod audit;
mod dress;
mod events;
mod html;
mod keys;
mod overview;
mod parties;
mod recompute;
mod sessions;

use std::sync::Arc;

use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;

use crate::api::ReadApi;
use crate::finish::panicked;
use crate::problem::{Code, Problem};
use crate::router::{method_not_allowed, unknown_route};

pub(crate) use recompute::Recomputer;

/// Rows of one page of a list.
const ROWS: usize = 50;

/// Rows of a list that is only a part of a page.
const FEW: usize = 10;

/// The pages.
pub(crate) fn routes(api: &Arc<ReadApi>) -> Router<Arc<ReadApi>> {
    let pages = Router::new()
        .route("/console/", get(overview::page))
        .route("/console/sessions", get(sessions::list))
        .route("/console/sessions/{id}", get(sessions::one))
        .route("/console/keys", get(keys::list))
        .route("/console/keys/{id}", get(keys::one))
        .route("/console/accounts", get(accounts::list))
        .route("/console/accounts/{id}", get(accounts::one))
        .route("/console/parties", get(parties::page))
        .route("/console/events", get(events::list))
        .route("/console/events/{position}", get(events::one))
        .route("/console/audit", get(audit::page))
        .route("/console/assets/{name}", get(assets::one))
        .route("/console/{*rest}", get(unknown_page))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(api.clone(), dress::dress));
    pages
        .route("/", get(root))
        .route("/console", get(async || Redirect::permanent("/console/")))
}

/// A person is shown the console; a program is told that there is no such endpoint.
async fn root(headers: HeaderMap, uri: Uri) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/html")) {
        Redirect::temporary("/console/").into_response()
    } else {
        unknown_route(uri).await.into_response()
    }
}

async fn unknown_page(uri: Uri) -> Problem {
    let detail = format!("there is no page `{}`", uri.path());
    Problem::new(Code::UnknownRoute, detail)
}

/// A value as it is written in a form.
fn written(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
