//! `GET /v1/sessions`

use std::sync::Arc;

use axum::extract::State;
use countersign_projections::{Collection, SessionFilter};

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::problem::Problem;
use crate::query::{Query, SESSION_KINDS, SESSION_STATUSES};

/// Sessions, the newest first; by `account`, `key`, `status`, `kind`.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    mut query: Query,
) -> Result<Answer, Problem> {
    let filter = SessionFilter {
        account: query.id("account")?,
        key: query.id("key")?,
        status: query.one_of("status", SESSION_STATUSES)?,
        kind: query.one_of("kind", SESSION_KINDS)?,
    };
    let slice = query.slice(Collection::Sessions)?;
    let position = api.reach(query.finish()?).await?;
    let models = &api.models;
    let page = models
        .list_sessions(&filter, slice.cursor, slice.limit)
        .await?;
    Answer::page(position, &page, |row| row.view.in_all_forms())
}
