//! Reads the rows that a batch is folded from.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use countersign_domain::ids::{AccountId, KeyId, PartyId, SessionId};
use countersign_event_store::StreamId;
use serde::de::DeserializeOwned;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::failure::{damaged, failed};
use super::registry::Target;
use crate::parties::{PartyRows, Signers};
use crate::{Loaded, StoreError, Wanted};

/// The wanted rows of the target's projection that exist.
pub(super) async fn load(
    connection: &mut PgConnection,
    target: Target,
    wanted: &Wanted,
) -> Result<Loaded, StoreError> {
    use crate::Projection as P;
    let mut loaded = Loaded::default();
    match target.projection {
        P::Accounts => {
            let ids = wanted.accounts.iter().map(|id| id.0).collect();
            loaded.accounts = by_id(connection, target, &target.table(), ids, AccountId).await?;
        }
        P::Keys => {
            let ids = wanted.keys.iter().map(|id| id.0).collect();
            loaded.keys = by_id(connection, target, &target.table(), ids, KeyId).await?;
        }
        P::Sessions => {
            let ids = wanted.sessions.iter().map(|id| id.0).collect();
            loaded.sessions = by_id(connection, target, &target.table(), ids, SessionId).await?;
        }
        P::Parties => {
            let ids = wanted.running.iter().map(|id| id.0).collect();
            let running: HashMap<_, Signers> =
                by_id(connection, target, &target.running(), ids, SessionId).await?;
            let parties = wanted.parties_with(&running);
            let parties = by_name(connection, target, &parties).await?;
            loaded.parties = PartyRows { parties, running };
        }
        P::Timeline => {}
    }
    Ok(loaded)
}

/// The streams that a version has parked.
pub(super) async fn parked(
    connection: &mut PgConnection,
    target: Target,
) -> Result<HashSet<StreamId>, StoreError> {
    let rows = sqlx::query(
        "SELECT aggregate_type, aggregate_id FROM read_models.parked
         WHERE projection = $1 AND version = $2",
    );
    let rows = rows
        .bind(target.projection.name())
        .bind(target.version)
        .fetch_all(connection)
        .await
        .map_err(failed("reading the parked streams"))?;
    let stream = |row: &sqlx::postgres::PgRow| StreamId {
        aggregate_type: row.get::<String, _>(0).into(),
        aggregate_id: row.get(1),
    };
    Ok(rows.iter().map(stream).collect())
}

async fn by_id<I: Eq + Hash, R: DeserializeOwned>(
    connection: &mut PgConnection,
    target: Target,
    table: &str,
    ids: Vec<Uuid>,
    id: impl Fn(Uuid) -> I,
) -> Result<HashMap<I, R>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!("SELECT id, doc::text FROM {table} WHERE id = ANY($1)");
    let rows = sqlx::query(&sql).bind(ids).fetch_all(connection).await;
    let mut found = HashMap::new();
    for row in rows.map_err(failed("reading rows"))? {
        found.insert(id(row.get(0)), document(target, row.get(1))?);
    }
    Ok(found)
}

async fn by_name<R: DeserializeOwned>(
    connection: &mut PgConnection,
    target: Target,
    parties: &[PartyId],
) -> Result<HashMap<PartyId, R>, StoreError> {
    if parties.is_empty() {
        return Ok(HashMap::new());
    }
    let names: Vec<&str> = parties.iter().map(PartyId::as_str).collect();
    let sql = format!(
        "SELECT id, doc::text FROM {} WHERE id = ANY($1)",
        target.table()
    );
    let rows = sqlx::query(&sql).bind(names).fetch_all(connection).await;
    let mut found = HashMap::new();
    for row in rows.map_err(failed("reading rows"))? {
        let name: &str = row.get(0);
        if let Some(party) = parties.iter().find(|party| party.as_str() == name) {
            found.insert(party.clone(), document(target, row.get(1))?);
        }
    }
    Ok(found)
}

/// A row from its text.
pub(super) fn document<R: DeserializeOwned>(target: Target, text: &str) -> Result<R, StoreError> {
    serde_json::from_str(text).map_err(damaged(target.projection))
}
