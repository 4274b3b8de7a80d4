//! `GET /healthz` and `GET /readyz`

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::problem::{Code, Problem};
use super::request::Query;
use crate::service::Webhooks;

/// How long the log and the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process runs.
pub(super) async fn healthz(query: Query) -> Result<Json<Value>, Problem> {
    query.nothing_else()?;
    Ok(Json(json!({ "status": "ok" })))
}

/// The log and the store can be used now.
pub(super) async fn readyz(
    State(webhooks): State<Arc<Webhooks>>,
    query: Query,
) -> Result<Json<Value>, Problem> {
    query.nothing_else()?;
    let head = tokio::time::timeout(PATIENCE, webhooks.ready()).await;
    let head = head.map_err(|_| {
        let detail = "the event log or the store of webhooks does not answer";
        Problem::new(Code::Unavailable, detail).retry_after(1)
    })??;
    Ok(Json(json!({ "status": "ready", "head_position": head })))
}
