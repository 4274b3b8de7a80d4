//! `GET /v1/keys`

use std::sync::Arc;

use axum::extract::State;
use countersign_projections::{Collection, KeyFilter};

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::problem::Problem;
use crate::query::{KEY_STATUSES, Query};

/// Keys, the newest first; by `account`, `status`.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    mut query: Query,
) -> Result<Answer, Problem> {
    let filter = KeyFilter {
        account: query.id("account")?,
        status: query.one_of("status", KEY_STATUSES)?,
    };
    let slice = query.slice(Collection::Keys)?;
    let position = api.reach(query.finish()?).await?;
    let models = &api.models;
    let page = models.list_keys(&filter, slice.cursor, slice.limit).await?;
    Answer::page(position, &page, |row| &row.view)
}
