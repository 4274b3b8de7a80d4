//! Lists as they are, or as they were `as_of` a position or time.

use std::sync::Arc;

use axum::http::HeaderMap;
use countersign_event_store::Point;
use countersign_projections::history::Entity;
use countersign_projections::{
    AccountFilter, AccountRow, Collection, Cursor, KeyFilter, KeyRow, Page, SessionFilter,
    SessionRow,
};

use crate::api::ReadApi;
use crate::problem::Problem;
use crate::query::{Query, Slice};
use crate::visibility::visible;

/// Which part of a list is asked for, and as of when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listing {
    cursor: Option<Cursor>,
    limit: usize,
    /// The position of the past that is asked for.
    pub(crate) past: Option<u64>,
    /// The position that the answer shows at least.
    pub(crate) position: u64,
}

impl ReadApi {
    /// Takes the rest of the parameters, and waits until the read models are where they
    /// want them: they tell which rows there were, too.
    pub(crate) async fn listing(
        &self,
        mut query: Query,
        collection: Collection,
    ) -> Result<Listing, Problem> {
        let Slice { cursor, limit } = query.slice(collection)?;
        let as_of: Option<Point> = query.as_of()?;
        let mut position = self.reach(query.finish()?).await?;
        let past = match as_of {
            Some(point) => Some(self.resolve(point).await?),
            None => None,
        };
        if let Some(past) = past {
            self.reach(Some(past)).await?;
            position = past;
        }
        Ok(Listing {
            cursor,
            limit,
            past,
            position,
        })
    }

    pub(crate) async fn accounts(
        &self,
        listing: Listing,
        filter: &AccountFilter,
        headers: &HeaderMap,
    ) -> Result<Page<AccountRow>, Problem> {
        let (cursor, limit) = (listing.cursor, listing.limit);
        let Some(past) = listing.past else {
            return Ok(self.models.list_accounts(filter, cursor, limit).await?);
        };
        let page = self
            .models
            .list_accounts_at(&self.history, past, filter, cursor, limit);
        self.seen(page.await?, |row| row.view.account_id, headers)
            .await
    }

    pub(crate) async fn keys(
        &self,
        listing: Listing,
        filter: &KeyFilter,
        headers: &HeaderMap,
    ) -> Result<Page<KeyRow>, Problem> {
        let (cursor, limit) = (listing.cursor, listing.limit);
        let Some(past) = listing.past else {
            return Ok(self.models.list_keys(filter, cursor, limit).await?);
        };
        let page = self
            .models
            .list_keys_at(&self.history, past, filter, cursor, limit);
        self.seen(page.await?, |row| row.view.key_id, headers).await
    }

    pub(crate) async fn sessions(
        &self,
        listing: Listing,
        filter: &SessionFilter,
        headers: &HeaderMap,
    ) -> Result<Page<SessionRow>, Problem> {
        let (cursor, limit) = (listing.cursor, listing.limit);
        let Some(past) = listing.past else {
            return Ok(self.models.list_sessions(filter, cursor, limit).await?);
        };
        let page = self
            .models
            .list_sessions_at(&self.history, past, filter, cursor, limit);
        self.seen(page.await?, |row| row.view.session_id, headers)
            .await
    }

    /// Those rows of the past that the viewer may see; `id` tells which they are.
    async fn seen<E: Entity>(
        &self,
        page: Page<E>,
        id: impl Fn(&E) -> E::Id,
        headers: &HeaderMap,
    ) -> Result<Page<E>, Problem> {
        let viewer = self.visibility.viewer(headers);
        if viewer.sees_all() {
            return Ok(page);
        }
        let mut items: Vec<Arc<E>> = vec![];
        for row in page.items {
            let stream = E::stream(id(&row));
            let first = self.history.log().read_stream(&stream, 0, 1).await?;
            if !visible(&*viewer, &self.owners, first).await?.is_empty() {
                items.push(row);
            }
        }
        Ok(Page { items, ..page })
    }
}
