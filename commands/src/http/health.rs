//! Whether the process lives, and whether it is of use.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::problem::{Code, Problem};
use crate::service::Commands;

pub(super) async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

pub(super) async fn readyz(State(commands): State<Arc<Commands>>) -> Result<Json<Value>, Problem> {
    let ready = *commands.ready.borrow();
    let head = commands.repository.log().head().await;
    match head {
        Ok(position) if ready => Ok(Json(json!({ "status": "ready", "position": position }))),
        Ok(_) => Err(Problem::new(Code::Unavailable, "still reading the event log").retry_after(1)),
        Err(error) => Err(crate::error::CommandError::from(error).into()),
    }
}
