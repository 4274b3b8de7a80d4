//! `GET /console/events` and `GET /console/events/{position}`

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use countersign_console::event::{self, Event};
use countersign_console::events::{self, Filter, Found};
use countersign_event_store::{Envelope, EventFilter};

use super::html::{Html, frame};
use super::{ROWS, written};
use crate::api::ReadApi;
use crate::events::browse::{Browser, Start};
use crate::problem::{Code, Problem};
use crate::query::Query;
use crate::stream::event_type;
use crate::visibility::{Viewer, visible};

/// The log, the newest events first; by `type`, `account`, `key` and `session`, back
/// from the position `from`, or forward after the position `after`.
pub(super) async fn list(
    State(api): State<Arc<ReadApi>>,
    headers: HeaderMap,
    query: Query,
) -> Result<Html, Problem> {
    let mut query = query.filled();
    let named = query.text("type")?.map(|name| event_type(&name));
    let named = named.transpose()?;
    let (account, key, session) = (query.id("account")?, query.id("key")?, query.id("session")?);
    let from = query.number("from", 0, u64::MAX)?;
    let after = query.number("after", 0, u64::MAX)?;
    let position = api.reach(query.finish()?).await?;
    let start = match (from, after) {
        (Some(_), Some(_)) => {
            let detail = "cannot be given together with `from`";
            return Err(Problem::parameter("after", detail));
        }
        (Some(from), None) => Start::From(from),
        (None, Some(after)) => Start::After(after),
        (None, None) => Start::Newest,
    };
    let asked = Filter {
        r#type: named.clone().unwrap_or_default(),
        account: written(account),
        key: written(key),
        session: written(session),
        from: written(from),
        after: written(after),
    };
    let filter = EventFilter {
        types: Vec::from_iter(named),
        accounts: Vec::from_iter(account),
        keys: Vec::from_iter(key),
        sessions: Vec::from_iter(session),
    };
    let browser = Browser {
        api: &api,
        viewer: &*api.visibility.viewer(&headers),
        filter: &filter,
        rows: ROWS,
    };
    let found = found(&browser, start).await?;
    let position = position.max(found.head);
    let text = events::page(frame(&api, position), &asked, &found);
    Ok(Html { position, text })
}

/// What a browser finds.
pub(super) async fn found(browser: &Browser<'_>, start: Start) -> Result<Found, Problem> {
    let found = browser.browse(start).await?;
    Ok(Found {
        events: found.events,
        head: found.head,
        older: found.older,
        newer: found.newer,
        looked: found.looked,
    })
}

/// One event.
pub(super) async fn one(
    State(api): State<Arc<ReadApi>>,
    Path(position): Path<String>,
    headers: HeaderMap,
    query: Query,
) -> Result<Html, Problem> {
    let digits = position.bytes().all(|b| b.is_ascii_digit());
    let place = position.parse().ok().filter(|_| digits).ok_or_else(|| {
        let detail = "the position must be a whole number";
        Problem::new(Code::InvalidId, detail).field("position")
    })?;
    let shown = api.reach(query.filled().finish()?).await?;
    let viewer = api.visibility.viewer(&headers);
    let event = at(&api, &*viewer, place).await?.ok_or_else(|| {
        let detail = format!("there is no event at position {place}");
        Problem::new(Code::NotFound, detail)
    })?;
    // What is before and after it in its stream has the same owner.
    let stream = &event.stream;
    let before = match event.version.checked_sub(2) {
        Some(after) => api.log.read_stream(stream, after, 1).await?.pop(),
        None => None,
    };
    let after = api.log.read_stream(stream, event.version, 1).await?;
    let head = api.log.head().await?;
    let event = Event {
        after: after.first().map(|event| event.position),
        before,
        envelope: event,
        head,
    };
    let position = shown.max(place);
    let text = event::page(frame(&api, position), &event);
    Ok(Html { position, text })
}

async fn at(
    api: &ReadApi,
    viewer: &dyn Viewer,
    position: u64,
) -> Result<Option<Arc<Envelope>>, Problem> {
    let Some(before) = position.checked_sub(1) else {
        return Ok(None);
    };
    let found = api.log.read_all(before, 1).await?;
    Ok(visible(viewer, &api.owners, found).await?.pop())
}
