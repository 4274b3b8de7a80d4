//! `GET /console/accounts` and `GET /console/accounts/{id}`

use std::sync::Arc;

use axum::extract::State;
use countersign_console::account;
use countersign_console::accounts::{self, Filter};
use countersign_domain::ids::AccountId;
use countersign_projections::{AccountFilter, Collection, KeyFilter, SessionFilter};

use super::html::{Html, frame};
use super::{FEW, ROWS, written};
use crate::accounts::unknown;
use crate::api::ReadApi;
use crate::problem::Problem;
use crate::query::{ACCOUNT_STATUSES, Id, Query};

/// Accounts, the newest first.
pub(super) async fn list(State(api): State<Arc<ReadApi>>, query: Query) -> Result<Html, Problem> {
    let mut query = query.filled();
    let (username, email) = (query.text("username")?, query.text("email")?);
    let status = query.one_of("status", ACCOUNT_STATUSES)?;
    let cursor = query.slice(Collection::Accounts)?.cursor;
    let position = api.reach(query.finish()?).await?;
    let named = api.named(username.as_deref(), email.as_deref()).await?;
    let (items, next) = if named == Some(None) {
        (vec![], None)
    } else {
        let account = named.flatten();
        let filter = AccountFilter { account, status };
        let rows = api.models.list_accounts(&filter, cursor, ROWS).await?;
        (api.open(&rows.items).await?, rows.next)
    };
    let asked = Filter {
        username: username.unwrap_or_default(),
        email: email.unwrap_or_default(),
        status: written(status),
        continued: cursor.is_some(),
    };
    let text = accounts::page(frame(&api, position), &asked, &items, next);
    Ok(Html { position, text })
}

/// One account, and the newest of its keys and sessions.
pub(super) async fn one(
    State(api): State<Arc<ReadApi>>,
    Id(id): Id<AccountId>,
    query: Query,
) -> Result<Html, Problem> {
    let position = api.reach(query.filled().finish()?).await?;
    let row = api.models.account(id).await?;
    let row = row.ok_or_else(|| unknown(id))?;
    let keys = KeyFilter {
        account: Some(id),
        status: None,
    };
    let keys = api.models.list_keys(&keys, None, FEW).await?;
    let sessions = SessionFilter {
        account: Some(id),
        ..SessionFilter::default()
    };
    let sessions = api.models.list_sessions(&sessions, None, FEW).await?;
    let shown = api.open(&[row]).await?;
    let view = shown.first().ok_or_else(|| unknown(id))?;
    let text = account::page(frame(&api, position), view, &keys, &sessions);
    Ok(Html { position, text })
}
