//! `GET /v1/accounts`

use std::sync::Arc;

use axum::extract::State;
use countersign_projections::{AccountFilter, Collection};

use crate::answer::Answer;
use crate::api::ReadApi;
use crate::problem::Problem;
use crate::query::{ACCOUNT_STATUSES, Query};

/// Accounts, the newest first; by `username`, `email`, `status`.
pub(crate) async fn handle(
    State(api): State<Arc<ReadApi>>,
    mut query: Query,
) -> Result<Answer, Problem> {
    let username = query.text("username")?;
    let email = query.text("email")?;
    let status = query.one_of("status", ACCOUNT_STATUSES)?;
    let slice = query.slice(Collection::Accounts)?;
    let position = api.reach(query.finish()?).await?;
    let account = match api.named(username.as_deref(), email.as_deref()).await? {
        Some(None) => return Answer::part::<()>(position, vec![], None),
        Some(holder) => holder,
        None => None,
    };
    let filter = AccountFilter { account, status };
    let models = &api.models;
    let page = models
        .list_accounts(&filter, slice.cursor, slice.limit)
        .await?;
    Answer::part(position, api.open(&page.items).await?, page.next)
}
