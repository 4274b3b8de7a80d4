//! Accounts: register, suspend, reactivate, erase.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use countersign_domain::ids::AccountId;
use serde_json::{Value, json};

use super::problem::Problem;
use super::request::{Id, IntentBody};
use crate::service::Commands;

/// `POST /v1/accounts`
pub(super) async fn register(
    State(commands): State<Arc<Commands>>,
    body: IntentBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (account, username, accepted) = commands
        .register(&body.token, Some(&body.trace.parent))
        .await?;
    let answer = json!({
        "account_id": account,
        "username": username,
        "status": "active",
        "position": accepted.position,
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

/// `POST /v1/accounts/{id}/suspend`
pub(super) async fn suspend(
    State(commands): State<Arc<Commands>>,
    Id(account): Id<AccountId>,
    body: IntentBody,
) -> Result<Json<Value>, Problem> {
    let (status, accepted) = commands
        .suspend(account, &body.token, Some(&body.trace.parent))
        .await?;
    Ok(Json(json!({
        "account_id": account,
        "status": status,
        "position": accepted.position,
    })))
}

/// `POST /v1/accounts/{id}/reactivate`
pub(super) async fn reactivate(
    State(commands): State<Arc<Commands>>,
    Id(account): Id<AccountId>,
    body: IntentBody,
) -> Result<Json<Value>, Problem> {
    let (status, accepted) = commands
        .reactivate(account, &body.token, Some(&body.trace.parent))
        .await?;
    Ok(Json(json!({
        "account_id": account,
        "status": status,
        "position": accepted.position,
    })))
}

/// `POST /v1/accounts/{id}/erase`
pub(super) async fn erase(
    State(commands): State<Arc<Commands>>,
    Id(account): Id<AccountId>,
    body: IntentBody,
) -> Result<Json<Value>, Problem> {
    let (status, accepted) = commands
        .erase(account, &body.token, Some(&body.trace.parent))
        .await?;
    Ok(Json(json!({
        "account_id": account,
        "status": status,
        "erased": true,
        "position": accepted.position,
    })))
}
