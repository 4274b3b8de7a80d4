//! `GET /v1/keys/{id}`

use std::sync::Arc;

use axum::extract::State;
use countersign_domain::ids::KeyId;

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::problem::{Code, Problem};
use crate::query::{Id, Query};

/// One key.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    Id(id): Id<KeyId>,
    query: Query,
) -> Result<Answer, Problem> {
    let position = api.reach(query.finish()?).await?;
    let row = api.models.key(id).await?;
    let row = row.ok_or_else(|| Problem::new(Code::NotFound, format!("there is no key {id}")))?;
    Answer::new(position, &row.view)
}
