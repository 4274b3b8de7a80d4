//! `GET /v1/events`

pub(crate) mod browse;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use countersign_event_store::{Envelope, EventLog, LogError};
use serde::Serialize;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::answer::Answer;
use crate::api::{ReadApi, beyond_head};
use crate::problem::Problem;
use crate::query::Query;
use crate::visibility::visible;

/// The most events in one answer. Events are read in bulk by those who follow or
/// audit the log, so that it is more than the 100 rows of other lists.
pub(crate) const MAX_EVENTS: usize = 1000;

/// The longest wait for events, in seconds.
const MAX_WAIT: u64 = 30;

/// How often to look for what other processes append.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Serialize)]
struct Events {
    events: Vec<Arc<Envelope>>,
    head_position: u64,
    next_after: u64,
}

/// Up to `limit` events (100 by default, at most 1000) after the position
/// `after` (0 by default). With `wait` and no events there, the answer is held
/// until there are, for so many seconds (at most 30) at the longest. `next_after`
/// is the `after` of the next query; it passes over what the viewer may not see.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Answer, Problem> {
    let after = query.number("after", 0, u64::MAX)?.unwrap_or(0);
    let limit = query.limit(MAX_EVENTS)?;
    let wait = query.number("wait", 0, MAX_WAIT)?.unwrap_or(0);
    let position = api.reach(query.finish()?).await?;
    let head = api.log.head().await?;
    if after > head {
        return Err(beyond_head("after", after, head));
    }
    let events = read(&*api.log, after, limit, Duration::from_secs(wait)).await?;
    let next_after = events.last().map_or(after, |last| last.position);
    let viewer = api.visibility.viewer(&headers);
    let events = visible(&*viewer, &api.owners, events).await?;
    let body = Events {
        events,
        head_position: api.log.head().await?.max(next_after),
        next_after,
    };
    Answer::new(position, &body)
}

async fn read(
    log: &dyn EventLog,
    after: u64,
    limit: usize,
    wait: Duration,
) -> Result<Vec<Arc<Envelope>>, LogError> {
    let deadline = Instant::now() + wait;
    let mut wake = log.wake();
    loop {
        let events = log.read_all(after, limit).await?;
        let now = Instant::now();
        if !events.is_empty() || now >= deadline {
            return Ok(events);
        }
        let look = deadline.min(now + LOOK);
        let woken = timeout_at(look, wake.wait_for(|head| *head > after)).await;
        let orphaned = matches!(woken, Ok(Err(_)));
        drop(woken);
        if orphaned {
            // Nobody wakes us any more; do not spin.
            sleep_until(look).await;
        }
    }
}
