//! `GET /v1/accounts/{id}`

use std::sync::Arc;

use axum::extract::State;
use countersign_domain::ids::AccountId;

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::problem::Problem;
use crate::query::{Id, Query};

/// One account.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    Id(id): Id<AccountId>,
    query: Query,
) -> Result<Answer, Problem> {
    let position = api.reach(query.finish()?).await?;
    let row = api.models.account(id).await?;
    let row = row.ok_or_else(|| super::unknown(id))?;
    Answer::new(position, &row.view)
}
