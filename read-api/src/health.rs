//! `GET /healthz` and `GET /readyz`

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use serde::Serialize;
use serde_json::json;

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::problem::{Code, Problem};
use crate::query::Query;

/// How long the log and the read models may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

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

/// The read models show all that was there when the process started, and log and
/// read models can be read now.
pub(crate) async fn readyz(
    State(api): State<Arc<ReadApi>>,
    query: Query,
) -> Result<Answer, Problem> {
    query.nothing_else()?;
    let head = tokio::time::timeout(PATIENCE, api.log.head()).await;
    head.map_err(|_| silent("the event log does not answer"))??;
    let head_at_start = api.head_at_start().await?;
    let status = tokio::time::timeout(PATIENCE, api.models.status()).await;
    let status = status.map_err(|_| silent("the read models do not answer"))??;
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

fn silent(detail: &str) -> Problem {
    Problem::new(Code::Unavailable, detail).retry_after(1)
}
