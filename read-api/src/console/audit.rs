//! `GET /console/audit`

use std::sync::Arc;

use axum::extract::State;
use countersign_audit::Published;
use countersign_console::audit::{self, Checkpoint, Checkpoints};

use super::html::{Html, frame};
use crate::api::ReadApi;
use crate::problem::Problem;
use crate::query::Query;

/// The newest checkpoint, and how to verify without this server.
pub(super) async fn page(State(api): State<Arc<ReadApi>>, query: Query) -> Result<Html, Problem> {
    let position = api.reach(query.filled().finish()?).await?;
    let checkpoints = latest(&api).await?;
    let head = api.log.head().await?;
    let text = audit::page(frame(&api, position), &checkpoints, head);
    Ok(Html { position, text })
}

/// What is known of the newest checkpoint.
pub(super) async fn latest(api: &ReadApi) -> Result<Checkpoints, Problem> {
    let Some(newest) = &api.checkpoints else {
        return Ok(Checkpoints::Unknown);
    };
    let Some(Published {
        checkpoint: kept,
        key,
    }) = newest.borrow().clone()
    else {
        return Ok(Checkpoints::None);
    };
    let checkpoint = kept.checkpoint();
    let size = checkpoint.size;
    let last = match size.checked_sub(1) {
        Some(before) => api.log.read_all(before, 1).await?.pop(),
        None => None,
    };
    Ok(Checkpoints::Latest(Box::new(Checkpoint {
        origin: checkpoint.origin.clone(),
        size,
        root: hex::encode(checkpoint.root),
        last_recorded: last.map(|event| event.recorded_at),
        key: key.to_string(),
        signature_verifies: kept.verify(std::slice::from_ref(&key)).is_ok(),
        recomputed: api.roots.compare(&*api.log, size, checkpoint.root).await?,
        note: kept.to_string(),
    })))
}
