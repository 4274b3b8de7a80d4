//! `GET /console/parties`

use std::sync::Arc;

use axum::extract::State;
use countersign_console::parties::{self, Party};

use super::html::{Html, frame};
use crate::api::ReadApi;
use crate::parties::{Known, known};
use crate::problem::Problem;
use crate::query::Query;

/// Who is there, and how they have fared.
pub(super) async fn page(State(api): State<Arc<ReadApi>>, query: Query) -> Result<Html, Problem> {
    let position = api.reach(query.filled().finish()?).await?;
    let text = parties::page(frame(&api, position), &all(&api).await?);
    Ok(Html { position, text })
}

/// The parties of the roster.
pub(super) async fn all(api: &ReadApi) -> Result<Vec<Party>, Problem> {
    Ok(known(api).await?.into_iter().map(shown).collect())
}

fn shown(it: Known<'_>) -> Party {
    let identity = it.identity.clone();
    let record = it.record;
    match it.presence {
        Some(heard) => Party {
            identity,
            present: heard.present,
            last_seen: heard.last_seen,
            started_at: heard.started_at,
            version: heard.version,
            engines: heard.engines,
            running: heard.running,
            roster_matches: heard.roster_matches,
            record,
        },
        None => Party {
            identity,
            present: false,
            last_seen: None,
            started_at: None,
            version: None,
            engines: vec![],
            running: 0,
            roster_matches: None,
            record,
        },
    }
}
