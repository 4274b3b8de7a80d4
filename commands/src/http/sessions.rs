//! Sessions: cancel.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use countersign_domain::ids::SessionId;
use serde_json::{Value, json};

use super::problem::Problem;
use super::request::{Id, IntentBody};
use crate::service::Commands;

/// `POST /v1/sessions/{id}/cancel`
pub(super) async fn cancel(
    State(commands): State<Arc<Commands>>,
    Id(session): Id<SessionId>,
    body: IntentBody,
) -> Result<Json<Value>, Problem> {
    let accepted = commands
        .cancel(session, &body.token, Some(&body.trace.parent))
        .await?;
    Ok(Json(json!({
        "session_id": session,
        "status": "cancelled",
        "position": accepted.position,
    })))
}
