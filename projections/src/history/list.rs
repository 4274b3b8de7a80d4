//! Lists as they were at a position.
//!
//! Which things there were, and in which order they came to be, never changes: the read
//! models tell it, as soon as they have come to that position. A row that nothing has
//! happened to since is what it was; any other is folded anew. What a filter asks of a
//! row that may have changed is asked of the row as it was.

use std::sync::Arc;

use countersign_event_store::StreamId;
use futures::{StreamExt as _, TryStreamExt as _};

use super::{Entity, History};
use crate::store::Row;
use crate::{
    AccountFilter, AccountRow, Collection, Cursor, KeyFilter, KeyRow, Page, ReadModels,
    SessionFilter, SessionRow, Store, StoreError,
};

/// Rows that are folded at the same time.
const AT_ONCE: usize = 8;

/// Rows that one page looks at, at most, for those that its filter asks for.
const LOOKED_AT: usize = 512;

/// What there are lists of.
trait Listed: Entity + Row {
    const COLLECTION: Collection;

    /// The filter without what may change.
    fn lasting(filter: &Self::Filter) -> Self::Filter;

    /// The last event that changed it.
    fn position(&self) -> u64;

    async fn find(
        store: &dyn Store,
        filter: &Self::Filter,
        before: u64,
        limit: usize,
    ) -> Result<Vec<Arc<Self>>, StoreError>;
}

macro_rules! listed {
    ($row:ident, $filter:ident, $collection:ident, $list:ident) => {
        impl Listed for $row {
            const COLLECTION: Collection = Collection::$collection;

            fn lasting(filter: &$filter) -> $filter {
                $filter {
                    status: None,
                    ..filter.clone()
                }
            }

            fn position(&self) -> u64 {
                self.view.position
            }

            async fn find(
                store: &dyn Store,
                filter: &$filter,
                before: u64,
                limit: usize,
            ) -> Result<Vec<Arc<Self>>, StoreError> {
                store.$list(filter, Some(before), limit).await
            }
        }
    };
}

listed!(AccountRow, AccountFilter, Accounts, accounts);
listed!(KeyRow, KeyFilter, Keys, keys);
listed!(SessionRow, SessionFilter, Sessions, sessions);

impl ReadModels {
    /// Up to `limit` accounts as they were at `position`, which the read models have
    /// reached, from a cursor of such a list. A page may be short, and empty even,
    /// though the list goes on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_accounts_at(
        &self,
        history: &History,
        position: u64,
        filter: &AccountFilter,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<AccountRow>, StoreError> {
        page(&**self.store(), history, position, filter, cursor, limit).await
    }

    /// The same of keys.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_keys_at(
        &self,
        history: &History,
        position: u64,
        filter: &KeyFilter,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<KeyRow>, StoreError> {
        page(&**self.store(), history, position, filter, cursor, limit).await
    }

    /// The same of sessions.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_sessions_at(
        &self,
        history: &History,
        position: u64,
        filter: &SessionFilter,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<SessionRow>, StoreError> {
        page(&**self.store(), history, position, filter, cursor, limit).await
    }
}

async fn page<E: Listed>(
    store: &dyn Store,
    history: &History,
    position: u64,
    filter: &E::Filter,
    cursor: Option<Cursor>,
    limit: usize,
) -> Result<Page<E>, StoreError> {
    let (wanted, lasting) = (E::wanted(filter), E::lasting(filter));
    let chunk = limit.max(AT_ONCE);
    let mut before = position.saturating_add(1);
    before = cursor.map_or(before, |cursor| cursor.before.min(before));
    let mut items = vec![];
    let mut looked_at = 0;
    loop {
        let mut found = E::find(store, &lasting, before, chunk + 1).await?;
        let mut more = found.len() > chunk;
        found.truncate(chunk);
        let mut left = found.len();
        let folded = found.into_iter().map(|row| then(history, row, position));
        let mut folded = futures::stream::iter(folded).buffered(AT_ONCE);
        while items.len() < limit
            && let Some((created, row)) = folded.try_next().await?
        {
            left -= 1;
            looked_at += 1;
            before = created;
            let passes = |row: &Arc<E>| wanted.iter().all(|facet| row.facets().contains(facet));
            items.extend(row.filter(passes));
        }
        more |= left > 0;
        if !more || items.len() == limit || looked_at >= LOOKED_AT {
            let collection = E::COLLECTION;
            let next = more.then_some(Cursor { collection, before });
            return Ok(Page { items, next });
        }
    }
}

/// Where a row came to be, and what it was then, if its events can be read so far.
async fn then<E: Listed>(
    history: &History,
    row: Arc<E>,
    position: u64,
) -> Result<(u64, Option<Arc<E>>), StoreError> {
    let created = row.created_position();
    if row.position() <= position {
        return Ok((created, Some(row)));
    }
    let stream = StreamId::new(E::KIND.name(), row.id());
    let past = history.of_stream::<E>(&stream, position).await?;
    Ok((created, past.row.map(Arc::new)))
}
