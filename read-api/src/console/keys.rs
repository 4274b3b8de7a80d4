//! `GET /console/keys` and `GET /console/keys/{id}`

use std::sync::Arc;

use axum::extract::State;
use countersign_console::key;
use countersign_console::keys::{self, Filter};
use countersign_domain::ids::KeyId;
use countersign_projections::{Collection, KeyFilter, SessionFilter};

use super::html::{Html, frame};
use super::{FEW, ROWS, written};
use crate::api::ReadApi;
use crate::keys::unknown;
use crate::problem::Problem;
use crate::query::{Id, KEY_STATUSES, Query};

/// Keys, the newest first.
pub(super) async fn list(State(api): State<Arc<ReadApi>>, query: Query) -> Result<Html, Problem> {
    let mut query = query.filled();
    let filter = KeyFilter {
        account: query.id("account")?,
        status: query.one_of("status", KEY_STATUSES)?,
    };
    let cursor = query.slice(Collection::Keys)?.cursor;
    let position = api.reach(query.finish()?).await?;
    let rows = api.models.list_keys(&filter, cursor, ROWS).await?;
    let asked = Filter {
        status: written(filter.status),
        account: written(filter.account),
        continued: cursor.is_some(),
    };
    let text = keys::page(frame(&api, position), &asked, &rows);
    Ok(Html { position, text })
}

/// One key and the newest of its sessions.
pub(super) async fn one(
    State(api): State<Arc<ReadApi>>,
    Id(id): Id<KeyId>,
    query: Query,
) -> Result<Html, Problem> {
    let position = api.reach(query.filled().finish()?).await?;
    let row = api.models.key(id).await?;
    let row = row.ok_or_else(|| unknown(id))?;
    let of_key = SessionFilter {
        key: Some(id),
        ..SessionFilter::default()
    };
    let sessions = api.models.list_sessions(&of_key, None, FEW).await?;
    let text = key::page(frame(&api, position), &row.view, &sessions);
    Ok(Html { position, text })
}
