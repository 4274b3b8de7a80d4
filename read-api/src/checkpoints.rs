//! `GET /v1/checkpoints/latest` and `GET /v1/checkpoint`

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use countersign_audit::Published;
use serde::Serialize;

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::problem::{Code, Problem};
use crate::query::Query;

#[derive(Serialize)]
struct View {
    origin: String,
    size: u64,
    root: String,
    key: String,
    checkpoint: String,
    head_position: u64,
}

/// The newest signed checkpoint: origin, size and root (hex), the verifier key, and
/// the signed note itself, which is what proves the rest. `head_position` is the head
/// of the log now; events after `size` are not signed yet.
pub(crate) async fn latest(
    State(api): State<Arc<ReadApi>>,
    query: Query,
) -> Result<Answer, Problem> {
    let position = api.reach(query.finish()?).await?;
    let published = newest(&api)?;
    let signed = published.checkpoint.checkpoint();
    let view = View {
        origin: signed.origin.clone(),
        size: signed.size,
        root: hex::encode(signed.root),
        key: published.key.to_string(),
        checkpoint: published.checkpoint.to_string(),
        head_position: api.log.head().await?.max(signed.size),
    };
    Answer::new(position, &view)
}

/// The signed note of the newest checkpoint, as tools of transparency logs read it
/// (C2SP tlog-checkpoint).
pub(crate) async fn note(
    State(api): State<Arc<ReadApi>>,
    query: Query,
) -> Result<Response, Problem> {
    query.finish()?;
    let note = newest(&api)?.checkpoint.to_string();
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, text)], note).into_response())
}

fn newest(api: &ReadApi) -> Result<Published, Problem> {
    let newest = api.checkpoints.as_ref();
    newest
        .and_then(|newest| newest.borrow().clone())
        .ok_or_else(|| {
            Problem::new(
                Code::NotFound,
                "no signed checkpoint is known here: none was signed yet, or no projector has a \
                 key to sign with (`checkpoints.key`)",
            )
        })
}
