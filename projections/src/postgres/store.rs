//! What queries read.
//!
//! Which versions are active, and how far they are, is looked up now and then and
//! not for every query. A query reads one version from beginning to end. After a
//! swap it may be the old one for a moment, which stays for longer than that; should
//! it be gone even so, the query is made again of the new one.

mod watch_versions;

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_domain::ids::{AccountId, KeyId, PartyId, SessionId};
use countersign_event_store::StreamId;
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Postgres, QueryBuilder, Row as _};
use tokio::sync::watch;

use self::watch_versions::Versions;
use super::failure::{failed, is_dropped, signed};
use super::load::{self, document};
use super::registry::Target;
use super::status::parked_events;
use super::{commit, registry};
use crate::fold::Folded;
use crate::{
    AccountFilter, AccountRow, Batch, KeyFilter, KeyRow, Loaded, PartyRow, Projection,
    SessionFilter, SessionRow, Skipped, Store, StoreError, TimelineEntry, Wanted,
};

/// How often a query is made at most, while versions come and go.
const TRIES: usize = 4;

/// The active versions of the projections, as queries read them.
#[derive(Debug)]
pub struct PostgresStore {
    pool: PgPool,
    versions: Versions,
}

impl PostgresStore {
    /// The read models in this database.
    ///
    /// # Errors
    /// [`StoreError`] when it does not answer, or their tables are not there.
    pub async fn connect(pool: PgPool) -> Result<Self, StoreError> {
        let versions = Versions::watch(pool.clone()).await?;
        Ok(Self { pool, versions })
    }

    /// Somebody has projected up to `position`: look at once. It is looked up, not
    /// believed.
    pub fn nudge(&self, position: u64) {
        self.versions.nudge(position);
    }

    /// Reads from the active version of a projection.
    async fn read<T>(
        &self,
        projection: Projection,
        query: impl for<'a> Fn(&'a PgPool, Target) -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut tries = 0;
        loop {
            let target = self.versions.active(projection);
            tries += 1;
            match query(&self.pool, target).await {
                Err(error) if is_dropped(&error) && tries < TRIES => {
                    self.versions.refresh().await?;
                }
                answer => return answer,
            }
        }
    }

    async fn one<R: DeserializeOwned>(
        &self,
        projection: Projection,
        id: uuid::Uuid,
    ) -> Result<Option<Arc<R>>, StoreError> {
        let found = self.read(projection, |pool, target| {
            Box::pin(async move {
                let sql = format!("SELECT doc::text FROM {} WHERE id = $1", target.table());
                let row = sqlx::query(&sql).bind(id).fetch_optional(pool).await;
                let row = row.map_err(failed("reading a row"))?;
                row.map(|row| document(target, row.get(0))).transpose()
            })
        });
        Ok(found.await?.map(Arc::new))
    }

    async fn list<R: DeserializeOwned>(
        &self,
        projection: Projection,
        conditions: &[(&'static str, Value)],
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<R>>, StoreError> {
        let rows = self.read(projection, |pool, target| {
            let mut select = select(target, conditions, before, limit);
            Box::pin(async move {
                let rows = select.build().fetch_all(pool).await;
                rows.map_err(failed("listing rows"))?
                    .iter()
                    .map(|row| document(target, row.get(0)).map(Arc::new))
                    .collect()
            })
        });
        rows.await
    }
}

/// What a column must be.
#[derive(Debug, Clone)]
enum Value {
    Id(uuid::Uuid),
    /// One of the program's own words: it goes into the statement, so that the
    /// indexes of the rarer ones serve.
    Word(String),
}

fn select(
    target: Target,
    conditions: &[(&'static str, Value)],
    before: Option<u64>,
    limit: usize,
) -> QueryBuilder<'static, Postgres> {
    let mut select = QueryBuilder::new(format!("SELECT doc::text FROM {}", target.table()));
    let mut word = " WHERE ";
    for (column, value) in conditions {
        select.push(word).push(column).push(" = ");
        match value {
            Value::Id(id) => select.push_bind(*id),
            Value::Word(word) => select.push(format_args!("'{word}'")),
        };
        word = " AND ";
    }
    if let Some(before) = before {
        select.push(word).push("created_position < ");
        select.push_bind(signed(before));
    }
    select.push(" ORDER BY created_position DESC LIMIT ");
    select.push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
    select
}

#[async_trait]
impl Store for PostgresStore {
    async fn checkpoint(&self) -> Result<u64, StoreError> {
        self.versions.refresh().await
    }

    fn positions(&self) -> watch::Receiver<u64> {
        self.versions.positions()
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let failed = failed("committing a batch");
        let mut transaction = self.pool.begin().await.map_err(&failed)?;
        let mut changes = batch.changes;
        for projection in Projection::ALL {
            let active = registry::lock_active(&mut transaction, projection).await?;
            let (ours, others) = changes
                .into_iter()
                .partition(|change| change.projection() == projection);
            changes = others;
            let skipped = batch.skipped.iter();
            let folded = Folded {
                changes: ours,
                parked: skipped
                    .filter(|event| projection.concerns(&event.stream))
                    .cloned()
                    .collect(),
            };
            let target = active.target;
            commit::apply(
                &mut transaction,
                target,
                batch.after,
                &folded,
                batch.checkpoint,
            )
            .await?;
        }
        transaction.commit().await.map_err(&failed)?;
        self.versions.refresh().await.map(drop)
    }

    async fn skipped(&self) -> Result<Skipped, StoreError> {
        parked_events(&self.pool, None).await
    }

    async fn parked(&self) -> Result<HashSet<StreamId>, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(failed("connecting"))?;
        let mut parked = HashSet::new();
        for projection in Projection::ALL {
            let target = self.versions.active(projection);
            parked.extend(load::parked(&mut connection, target).await?);
        }
        Ok(parked)
    }

    async fn load(&self, wanted: &Wanted) -> Result<Loaded, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(failed("connecting"))?;
        let mut loaded = Loaded::default();
        for projection in Projection::ALL {
            let target = self.versions.active(projection);
            loaded.put(load::load(&mut connection, target, wanted).await?);
        }
        Ok(loaded)
    }

    async fn account(&self, id: AccountId) -> Result<Option<Arc<AccountRow>>, StoreError> {
        self.one(Projection::Accounts, id.0).await
    }

    async fn key(&self, id: KeyId) -> Result<Option<Arc<KeyRow>>, StoreError> {
        self.one(Projection::Keys, id.0).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<Arc<SessionRow>>, StoreError> {
        self.one(Projection::Sessions, id.0).await
    }

    async fn accounts(
        &self,
        filter: &AccountFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<AccountRow>>, StoreError> {
        let mut wanted = vec![];
        wanted.extend(filter.account.map(|id| ("id", Value::Id(id.0))));
        wanted.extend(
            filter
                .status
                .map(|it| ("status", Value::Word(it.to_string()))),
        );
        self.list(Projection::Accounts, &wanted, before, limit)
            .await
    }

    async fn keys(
        &self,
        filter: &KeyFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<KeyRow>>, StoreError> {
        let mut wanted = vec![];
        wanted.extend(filter.account.map(|id| ("account_id", Value::Id(id.0))));
        wanted.extend(
            filter
                .status
                .map(|it| ("status", Value::Word(it.to_string()))),
        );
        self.list(Projection::Keys, &wanted, before, limit).await
    }

    async fn sessions(
        &self,
        filter: &SessionFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Arc<SessionRow>>, StoreError> {
        let mut wanted = vec![];
        wanted.extend(filter.account.map(|id| ("account_id", Value::Id(id.0))));
        wanted.extend(filter.key.map(|id| ("key_id", Value::Id(id.0))));
        wanted.extend(
            filter
                .status
                .map(|it| ("status", Value::Word(it.to_string()))),
        );
        wanted.extend(filter.kind.map(|it| ("kind", Value::Word(it.to_string()))));
        self.list(Projection::Sessions, &wanted, before, limit)
            .await
    }

    async fn party(&self, id: &PartyId) -> Result<Option<Arc<PartyRow>>, StoreError> {
        let parties = self.parties().await?;
        Ok(parties.into_iter().find(|row| row.view.party == *id))
    }

    async fn parties(&self) -> Result<Vec<Arc<PartyRow>>, StoreError> {
        let rows = self.read(Projection::Parties, |pool, target| {
            Box::pin(async move {
                let sql = format!(
                    "SELECT doc::text FROM {} ORDER BY id COLLATE \"C\"",
                    target.table()
                );
                let rows = sqlx::query(&sql).fetch_all(pool).await;
                let rows = rows.map_err(failed("listing the parties"))?;
                let row = |row: &PgRow| document(target, row.get(0)).map(Arc::new);
                rows.iter().map(row).collect()
            })
        });
        rows.await
    }

    async fn timeline(&self, id: SessionId) -> Result<Vec<TimelineEntry>, StoreError> {
        let parts = self.read(Projection::Timeline, |pool, target| {
            Box::pin(async move {
                let sql = format!(
                    "SELECT doc::text FROM {} WHERE id = $1 ORDER BY position",
                    target.table()
                );
                let rows = sqlx::query(&sql).bind(id.0).fetch_all(pool).await;
                let rows = rows.map_err(failed("reading a timeline"))?;
                let part = |row: &PgRow| document::<Vec<TimelineEntry>>(target, row.get(0));
                rows.iter().map(part).collect::<Result<Vec<_>, _>>()
            })
        });
        Ok(parts.await?.into_iter().flatten().collect())
    }
}
