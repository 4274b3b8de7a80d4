//! `GET /v1/keys/{id}`

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use countersign_domain::ids::KeyId;
use countersign_projections::KeyRow;

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::as_of::past;
use crate::problem::Problem;
use crate::query::{Id, Query};

/// One key, as it is or as it was `as_of` a position or time.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    Id(id): Id<KeyId>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Answer, Problem> {
    let as_of = query.as_of()?;
    let position = api.reach(query.finish()?).await?;
    if let Some(point) = as_of {
        let (position, row) = past::<KeyRow>(&api, &headers, id, point).await?;
        return Answer::new(position, &row.view);
    }
    let row = api.models.key(id).await?;
    let row = row.ok_or_else(|| super::unknown(id))?;
    Answer::new(position, &row.view)
}
