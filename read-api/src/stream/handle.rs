//! The request for a stream.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use countersign_event_store::{EventFilter, known_type};

use super::batch::Choice;
use super::client::Client;
use crate::api::{ReadApi, beyond_head};
use crate::problem::Problem;
use crate::query::Query;

/// The header that a client comes back with.
const LAST_EVENT_ID: &str = "last-event-id";

/// What errors call it.
const FIELD: &str = "Last-Event-ID";

/// How many values a filter may have of one kind.
const VALUES: usize = 100;

/// The events after the header `Last-Event-ID`, else after the position `after`, else
/// from now on; of any of the `type`s, `account`s, `key`s and `session`s.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, Problem> {
    let filter = filter(&mut query)?;
    let after = query.number("after", 0, u64::MAX)?;
    query.nothing_else()?;
    let resumed = resumed(&headers)?;
    let head = api.log.head().await?;
    let (field, from) = match (resumed, after) {
        (Some(position), _) => (FIELD, position),
        (None, Some(position)) => ("after", position),
        (None, None) => ("after", head),
    };
    if from > head {
        return Err(beyond_head(field, from, head));
    }
    let choice = Choice {
        filter,
        viewer: api.visibility.viewer(&headers),
    };
    let client = Client::new(api.streams.join()?, choice, from);
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        ),
        // Proxies are not to gather it.
        (
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ];
    Ok((headers, Body::from_stream(client.stream())).into_response())
}

fn filter(query: &mut Query) -> Result<EventFilter, Problem> {
    let mut types = vec![];
    for name in query.texts("type", VALUES)? {
        types.push(event_type(&name)?);
    }
    Ok(EventFilter {
        types,
        accounts: query.ids("account", VALUES)?,
        keys: query.ids("key", VALUES)?,
        sessions: query.ids("session", VALUES)?,
    })
}

/// The name of an event, as a value of `type`.
pub(crate) fn event_type(name: &str) -> Result<String, Problem> {
    let known = known_type(name).map_err(|unknown| {
        let detail = format!("is wrong: {unknown}");
        Problem::parameter("type", detail)
    })?;
    Ok(known.to_owned())
}

/// The position that a client was at.
fn resumed(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let digits = |text: &&str| text.bytes().all(|b| b.is_ascii_digit());
    let text = value.to_str().ok().filter(digits);
    let position = text.and_then(|text| text.parse().ok());
    let wrong = || {
        let detail = "must be a position: the `id` of the last event received, or left out";
        Problem::parameter(FIELD, detail)
    };
    position.map(Some).ok_or_else(wrong)
}
