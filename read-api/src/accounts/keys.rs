//! `GET /v1/accounts/{id}/keys`

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use countersign_domain::ids::AccountId;
use countersign_projections::{AccountRow, Collection, KeyFilter};

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::as_of::past_at;
use crate::problem::Problem;
use crate::query::{Id, KEY_STATUSES, Query};

/// The keys of an account, the newest first; by `status`; as they are, or as they were
/// `as_of` a position or time.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    Id(id): Id<AccountId>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Answer, Problem> {
    let filter = KeyFilter {
        account: Some(id),
        status: query.one_of("status", KEY_STATUSES)?,
    };
    let listing = api.listing(query, Collection::Keys).await?;
    match listing.past {
        Some(past) => drop(past_at::<AccountRow>(&api, &headers, id, past).await?),
        None if api.models.account(id).await?.is_none() => return Err(super::unknown(id)),
        None => {}
    }
    let page = api.keys(listing, &filter, &headers).await?;
    Answer::page(listing.position, &page, |row| &row.view)
}
