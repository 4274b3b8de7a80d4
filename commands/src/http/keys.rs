//! Keys: create, freeze, unfreeze.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use countersign_domain::ids::{AccountId, KeyId};
use serde_json::{Value, json};

use super::answer;
use super::prefer::Wait;
use super::problem::Problem;
use super::request::{Id, IntentBody};
use crate::service::Commands;

/// `POST /v1/accounts/{id}/keys`
pub(super) async fn create(
    State(commands): State<Arc<Commands>>,
    Id(account): Id<AccountId>,
    wait: Wait,
    body: IntentBody,
) -> Result<Response, Problem> {
    let session = commands
        .create_key(account, &body.token, Some(&body.trace.parent))
        .await?;
    answer::session(&commands, &session, &wait).await
}

/// `POST /v1/keys/{id}/freeze`
pub(super) async fn freeze(
    State(commands): State<Arc<Commands>>,
    Id(key): Id<KeyId>,
    body: IntentBody,
) -> Result<Json<Value>, Problem> {
    let (status, accepted) = commands
        .freeze(key, &body.token, Some(&body.trace.parent))
        .await?;
    Ok(Json(json!({
        "key_id": key,
        "status": status,
        "position": accepted.position,
    })))
}

/// `POST /v1/keys/{id}/unfreeze`
pub(super) async fn unfreeze(
    State(commands): State<Arc<Commands>>,
    Id(key): Id<KeyId>,
    body: IntentBody,
) -> Result<Json<Value>, Problem> {
    let (status, accepted) = commands
        .unfreeze(key, &body.token, Some(&body.trace.parent))
        .await?;
    Ok(Json(json!({
        "key_id": key,
        "status": status,
        "position": accepted.position,
    })))
}
