//! `GET /v1/sessions/{id}`

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use countersign_domain::ids::SessionId;
use countersign_projections::{SessionRow, SessionView, SignatureForms};
use serde::Serialize;

use super::progress::{PartyAt, progress};
use crate::answer::Answer;
use crate::api::ReadApi;
use crate::as_of::past;
use crate::problem::Problem;
use crate::query::{Id, Query};

#[derive(Serialize)]
struct Detail {
    #[serde(flatten)]
    session: SessionView<SignatureForms>,
    /// Where the parties are, as long as it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Vec<PartyAt>>,
}

/// One session, with the live progress of its parties; or as it was `as_of` a position
/// or time.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    Id(id): Id<SessionId>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Answer, Problem> {
    let as_of = query.as_of()?;
    let position = api.reach(query.finish()?).await?;
    if let Some(point) = as_of {
        let (position, row) = past::<SessionRow>(&api, &headers, id, point).await?;
        return Answer::new(position, &row.view.in_all_forms());
    }
    let row = api.models.session(id).await?;
    let row = row.ok_or_else(|| super::unknown(id))?;
    let detail = Detail {
        session: row.view.in_all_forms(),
        progress: progress(&api.progress, &row.view),
    };
    Answer::new(position, &detail)
}
