//! `GET /console/`

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use countersign_console::overview::{self, Overview};
use countersign_domain::session::SessionStatus;
use countersign_event_store::EventFilter;
use countersign_projections::SessionFilter;

use super::html::{Html, frame};
use super::{FEW, audit, parties};
use crate::api::ReadApi;
use crate::events::browse::{Browser, Start};
use crate::problem::Problem;
use crate::query::{MAX_LIMIT, Query, SESSION_STATUSES};

/// What goes on now, and how far everything is.
pub(super) async fn page(
    State(api): State<Arc<ReadApi>>,
    headers: HeaderMap,
    query: Query,
) -> Result<Html, Problem> {
    let position = api.reach(query.filled().finish()?).await?;
    let browser = Browser {
        api: &api,
        viewer: &*api.visibility.viewer(&headers),
        filter: &EventFilter::default(),
        rows: FEW,
    };
    let newest = browser.browse(Start::Newest).await?;
    // After the head was asked for: nothing is made out to be behind that is not.
    let models = api.models.status().await?;
    let mut open = vec![];
    for status in SESSION_STATUSES.iter().filter(|status| !status.is_final()) {
        open.push((*status, sessions(&api, Some(*status)).await?));
    }
    let shown = Overview {
        head: newest.head,
        relayed: api.relayed(newest.head),
        models,
        parties: parties::all(&api).await?,
        open,
        latest: sessions(&api, None).await?,
        events: newest.events,
        checkpoints: audit::latest(&api).await?,
    };
    let text = overview::page(frame(&api, position), &shown);
    Ok(Html { position, text })
}

async fn sessions(
    api: &ReadApi,
    status: Option<SessionStatus>,
) -> Result<countersign_projections::Page<countersign_projections::SessionRow>, Problem> {
    let filter = SessionFilter {
        status,
        ..SessionFilter::default()
    };
    Ok(api.models.list_sessions(&filter, None, MAX_LIMIT).await?)
}
