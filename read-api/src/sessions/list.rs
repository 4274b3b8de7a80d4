//! `GET /v1/sessions`

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use countersign_projections::{Collection, SessionFilter};

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::problem::Problem;
use crate::query::{Query, SESSION_KINDS, SESSION_STATUSES};

/// Sessions, the newest first; by `account`, `key`, `status`, `kind`; as they are, or
/// as they were `as_of` a position or time.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Answer, Problem> {
    let filter = SessionFilter {
        account: query.id("account")?,
        key: query.id("key")?,
        status: query.one_of("status", SESSION_STATUSES)?,
        kind: query.one_of("kind", SESSION_KINDS)?,
    };
    let listing = api.listing(query, Collection::Sessions).await?;
    let page = api.sessions(listing, &filter, &headers).await?;
    Answer::page(listing.position, &page, |row| row.view.in_all_forms())
}
