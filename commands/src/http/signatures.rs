//! Signatures.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use countersign_domain::ids::KeyId;

use super::answer;
use super::prefer::Wait;
use super::problem::Problem;
use super::request::{Id, IntentBody};
use crate::service::Commands;

/// `POST /v1/keys/{id}/signatures`
pub(super) async fn create(
    State(commands): State<Arc<Commands>>,
    Id(key): Id<KeyId>,
    wait: Wait,
    body: IntentBody,
) -> Result<Response, Problem> {
    let session = commands
        .sign(key, &body.token, Some(&body.trace.parent))
        .await?;
    answer::session(&commands, &session, &wait).await
}
