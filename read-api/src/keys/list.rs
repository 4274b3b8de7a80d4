//! `GET /v1/keys`

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use countersign_projections::{Collection, KeyFilter};

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::problem::Problem;
use crate::query::{KEY_STATUSES, Query};

/// Keys, the newest first; by `account`, `status`; as they are, or as they were
/// `as_of` a position or time.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Answer, Problem> {
    let filter = KeyFilter {
        account: query.id("account")?,
        status: query.one_of("status", KEY_STATUSES)?,
    };
    let listing = api.listing(query, Collection::Keys).await?;
    let page = api.keys(listing, &filter, &headers).await?;
    Answer::page(listing.position, &page, |row| &row.view)
}
