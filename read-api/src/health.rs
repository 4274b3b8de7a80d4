//! `GET /healthz` and `GET /readyz`

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use serde_json::json;

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::problem::{Code, Problem};
use crate::query::Query;

#[derive(Serialize)]
struct Ready {
    status: &'static str,
    position: u64,
    head_at_start: u64,
    /// Events that the read models pass over.
    skipped_events: u64,
}

/// The process runs.
pub(crate) async fn healthz(
    State(api): State<Arc<ReadApi>>,
    query: Query,
) -> Result<Answer, Problem> {
    query.nothing_else()?;
    Answer::new(api.models.position(), &json!({ "status": "ok" }))
}

/// The read models show all that was there when the process started.
pub(crate) async fn readyz(
    State(api): State<Arc<ReadApi>>,
    query: Query,
) -> Result<Answer, Problem> {
    query.nothing_else()?;
    let head_at_start = api.head_at_start().await?;
    let status = api.models.status().await?;
    let position = status.position;
    if position < head_at_start {
        let detail = format!("the read models are at position {position} of {head_at_start}");
        return Err(Problem::new(Code::NotReady, detail).retry_after(1));
    }
    let ready = Ready {
        status: "ready",
        position,
        head_at_start,
        skipped_events: status.skipped.count,
    };
    Answer::new(position, &ready)
}
