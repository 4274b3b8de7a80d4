//! `GET /v1/accounts/{id}`

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use countersign_domain::ids::AccountId;
use countersign_projections::AccountRow;

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::as_of::past;
use crate::problem::Problem;
use crate::query::{Id, Query};

/// One account, as it is or as it was `as_of` a position or time.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    Id(id): Id<AccountId>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Answer, Problem> {
    let as_of = query.as_of()?;
    let position = api.reach(query.finish()?).await?;
    if let Some(point) = as_of {
        let (position, row) = past::<AccountRow>(&api, &headers, id, point).await?;
        let shown = api.open(&[Arc::new(row)]).await?;
        return Answer::new(position, &shown.first());
    }
    let row = api.models.account(id).await?;
    let row = row.ok_or_else(|| super::unknown(id))?;
    let shown = api.open(&[row]).await?;
    Answer::new(position, &shown.first())
}
