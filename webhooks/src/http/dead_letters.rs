//! `/v1/webhooks/{id}/dead-letters`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::problem::Problem;
use super::request::{Fields, Id, IdAndPosition, Query};
use crate::service::{Attempted, Webhooks};

/// How many come at once at the most, and as many as there are by default.
const MAX_LIMIT: u64 = 100;

type Api = State<Arc<Webhooks>>;

pub(super) async fn list(
    State(api): Api,
    Id(id): Id,
    mut query: Query,
) -> Result<Json<Value>, Problem> {
    let after = query.number("after", 0, u64::MAX)?.unwrap_or(0);
    let limit = query.number("limit", 1, MAX_LIMIT)?.unwrap_or(MAX_LIMIT);
    query.nothing_else()?;
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let items = api.dead_letters(id, after, limit).await?;
    let full = u32::try_from(items.len()).is_ok_and(|count| count == limit);
    let next = items.last().filter(|_| full).map(|letter| letter.position);
    let mut body = json!({ "items": items });
    if let Some(next) = next {
        body["next_after"] = next.into();
    }
    Ok(Json(body))
}

pub(super) async fn redeliver(
    State(api): Api,
    IdAndPosition(id, position): IdAndPosition,
    fields: Fields,
) -> Result<Json<Attempted>, Problem> {
    fields.nothing_else()?;
    Ok(Json(api.redeliver(id, position).await?))
}
