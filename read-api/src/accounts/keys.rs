//! `GET /v1/accounts/{id}/keys`

use std::sync::Arc;

use axum::extract::State;
use countersign_domain::ids::AccountId;
use countersign_projections::{Collection, KeyFilter};

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::problem::Problem;
use crate::query::{Id, KEY_STATUSES, Query};

/// The keys of an account, the newest first; by `status`.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    Id(id): Id<AccountId>,
    mut query: Query,
) -> Result<Answer, Problem> {
    let filter = KeyFilter {
        account: Some(id),
        status: query.one_of("status", KEY_STATUSES)?,
    };
    let slice = query.slice(Collection::Keys)?;
    let position = api.reach(query.finish()?).await?;
    if api.models.account(id).await?.is_none() {
        return Err(super::unknown(id));
    }
    let models = &api.models;
    let page = models.list_keys(&filter, slice.cursor, slice.limit).await?;
    Answer::page(position, &page, |row| &row.view)
}
