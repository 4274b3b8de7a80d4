//! `GET /console/sessions` and `GET /console/sessions/{id}`

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use countersign_console::session::{self, PartyAt, Session};
use countersign_console::sessions::{self, Filter};
use countersign_domain::ids::SessionId;
use countersign_projections::{Collection, SessionFilter};

use super::html::{Html, frame};
use super::{ROWS, written};
use crate::api::ReadApi;
use crate::problem::Problem;
use crate::query::{Id, Query, SESSION_KINDS, SESSION_STATUSES};
use crate::sessions::progress::{self, progress};
use crate::sessions::timeline::course_of;
use crate::sessions::unknown;

/// Sessions, the newest first.
pub(super) async fn list(State(api): State<Arc<ReadApi>>, query: Query) -> Result<Html, Problem> {
    let mut query = query.filled();
    let filter = SessionFilter {
        account: query.id("account")?,
        key: query.id("key")?,
        status: query.one_of("status", SESSION_STATUSES)?,
        kind: query.one_of("kind", SESSION_KINDS)?,
    };
    let cursor = query.slice(Collection::Sessions)?.cursor;
    let position = api.reach(query.finish()?).await?;
    let rows = api.models.list_sessions(&filter, cursor, ROWS).await?;
    let asked = Filter {
        status: written(filter.status),
        kind: written(filter.kind),
        account: written(filter.account),
        key: written(filter.key),
        continued: cursor.is_some(),
    };
    let text = sessions::page(frame(&api, position), &asked, &rows);
    Ok(Html { position, text })
}

/// One session and its course.
pub(super) async fn one(
    State(api): State<Arc<ReadApi>>,
    Id(id): Id<SessionId>,
    headers: HeaderMap,
    query: Query,
) -> Result<Html, Problem> {
    let position = api.reach(query.filled().finish()?).await?;
    let row = api.models.session(id).await?;
    let row = row.ok_or_else(|| unknown(id))?;
    let course = course_of(&api, id, &headers).await?;
    let progress = progress(&api.progress, &row.view).unwrap_or_default();
    let shown = Session {
        view: &row.view,
        course: &course,
        progress: progress.into_iter().map(party_at).collect(),
    };
    let text = session::page(frame(&api, position), &shown);
    Ok(Html { position, text })
}

fn party_at(at: progress::PartyAt) -> PartyAt {
    PartyAt {
        phase: match at.round {
            Some(round) => format!("{} {round}", at.phase),
            None => at.phase.to_owned(),
        },
        party: at.party,
        at: at.at,
    }
}
