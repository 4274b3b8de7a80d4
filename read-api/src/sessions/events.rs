//! `GET /v1/sessions/{id}/events`

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use countersign_domain::decider::Decider as _;
use countersign_domain::ids::SessionId;
use countersign_domain::session::Session;
use countersign_event_store::{Envelope, StreamId};
use serde::Serialize;

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::events::MAX_EVENTS;
use crate::problem::Problem;
use crate::query::{Id, Query};
use crate::visibility::visible;

#[derive(Serialize)]
struct Events {
    events: Vec<Arc<Envelope>>,
    next_after: u64,
    position: u64,
}

/// The events of a session, from the log itself: up to `limit` (100 by default,
/// at most 1000) after the version `after` (0 by default) of its stream.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    Id(id): Id<SessionId>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Answer, Problem> {
    let after = query.number("after", 0, u64::MAX)?.unwrap_or(0);
    let limit = query.limit(MAX_EVENTS)?;
    let position = api.reach(query.finish()?).await?;
    let stream = StreamId::new(Session::TYPE, id);
    let viewer = api.visibility.viewer(&headers);
    let events = api.log.read_stream(&stream, after, limit).await?;
    let next_after = events.last().map_or(after, |last| last.version);
    let events = visible(&*viewer, &api.owners, events).await?;
    if events.is_empty() {
        let first = api.log.read_stream(&stream, 0, 1).await?;
        if visible(&*viewer, &api.owners, first).await?.is_empty() {
            return Err(super::unknown(id));
        }
    }
    let body = Events {
        events,
        next_after,
        position,
    };
    Answer::new(position, &body)
}
