//! `GET /v1/accounts`

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use countersign_projections::{AccountFilter, Collection};

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::problem::Problem;
use crate::query::{ACCOUNT_STATUSES, Query};

/// Accounts, the newest first; by `username`, `email`, `status`; as they are, or as they
/// were `as_of` a position or time.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Answer, Problem> {
    let username = query.text("username")?;
    let email = query.text("email")?;
    let status = query.one_of("status", ACCOUNT_STATUSES)?;
    let listing = api.listing(query, Collection::Accounts).await?;
    let account = match api.named(username.as_deref(), email.as_deref()).await? {
        Some(None) => return Answer::part::<()>(listing.position, vec![], None),
        Some(holder) => holder,
        None => None,
    };
    let filter = AccountFilter { account, status };
    let page = api.accounts(listing, &filter, &headers).await?;
    Answer::part(listing.position, api.open(&page.items).await?, page.next)
}
