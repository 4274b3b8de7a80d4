//! `GET /v1/roster`

use std::sync::Arc;

use axum::extract::State;

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::problem::Problem;
use crate::query::Query;

/// The pinned roster, as it stands in the file `roster.json`: names and public
/// keys.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    query: Query,
) -> Result<Answer, Problem> {
    let position = api.reach(query.finish()?).await?;
    Answer::new(position, &*api.roster)
}
