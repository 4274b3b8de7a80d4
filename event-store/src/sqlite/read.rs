//! Reads rows and turns them back into envelopes.

use std::{borrow::Cow, error::Error, path::Path, sync::Arc};

use chrono::{DateTime, Utc};
use sqlx::{
    Row, Sqlite,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};
use uuid::Uuid;

use super::{Shared, failure::damaged, readers::Readers};
use crate::{CommandEntry, CommandRecord, Envelope, LogError, StreamId, metadata::MetadataColumn};

/// Rows to a query: more of them and the two threads of a read wait for each other.
pub(super) const PAGE: usize = 128;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT position, aggregate_type, aggregate_id, sequence, event_type, event_version, ",
            "payload, metadata, timestamp, previous_hash FROM events ",
            $rest
        )
    };
}

/// A query for rows.
pub(super) type Select<'q> = Query<'q, Sqlite, SqliteArguments<'q>>;

pub(super) async fn all(
    readers: &Readers,
    after: u64,
    limit: usize,
) -> Result<Vec<Arc<Envelope>>, LogError> {
    let query = |after, page| {
        sqlx::query(select!("WHERE position > ?1 ORDER BY position LIMIT ?2"))
            .bind(after)
            .bind(page)
    };
    paged(readers, after, limit, query, |event| event.position).await
}

pub(super) async fn stream(
    readers: &Readers,
    stream: &StreamId,
    after_version: u64,
    limit: usize,
) -> Result<Vec<Arc<Envelope>>, LogError> {
    let query = |after, page| {
        sqlx::query(select!(
            "WHERE aggregate_type = ?3 AND aggregate_id = ?4 AND sequence > ?1 \
             ORDER BY sequence LIMIT ?2"
        ))
        .bind(after)
        .bind(page)
        .bind(stream.aggregate_type.as_ref())
        .bind(&stream.aggregate_id)
    };
    paged(readers, after_version, limit, query, |event| event.version).await
}

pub(super) async fn command(shared: &Shared, id: Uuid) -> Result<Option<CommandEntry>, LogError> {
    let query = sqlx::query(
        "SELECT id, fingerprint, first_position, last_position FROM commands WHERE id = ?1",
    )
    .bind(id.to_string());
    let rows = shared.readers.rows("find a command", query).await?;
    let row = rows.first();
    row.map(|row| entry(&shared.path, row)).transpose()
}

/// A row of `commands`.
pub(super) fn entry(path: &Path, row: &SqliteRow) -> Result<CommandEntry, LogError> {
    let decode = || -> Result<CommandEntry, Box<dyn Error + Send + Sync>> {
        Ok(CommandEntry {
            record: CommandRecord {
                id: row.try_get::<&str, _>(0)?.parse()?,
                fingerprint: row.try_get::<&[u8], _>(1)?.try_into()?,
            },
            first_position: row.try_get::<i64, _>(2)?.try_into()?,
            last_position: row.try_get::<i64, _>(3)?.try_into()?,
        })
    };
    decode().map_err(|error| undecodable(path, "a command", &*error))
}

/// Puts together what a query by an ascending key returns after a key. As events
/// are only ever added at the end, pages read one after another fit together.
async fn paged<'q>(
    readers: &Readers,
    mut after: u64,
    limit: usize,
    query: impl Fn(i64, i64) -> Select<'q>,
    key: fn(&Envelope) -> u64,
) -> Result<Vec<Arc<Envelope>>, LogError> {
    let mut events: Vec<Arc<Envelope>> = Vec::new();
    loop {
        let page = (limit - events.len()).min(PAGE);
        let query = query(clamp(after), clamp(page as u64));
        let rows = readers.rows("read events", query).await?;
        for row in &rows {
            let event =
                envelope(row).map_err(|error| undecodable(readers.path(), "an event", &*error))?;
            after = key(&event);
            events.push(Arc::new(event));
        }
        if rows.len() < page || events.len() == limit {
            return Ok(events);
        }
    }
}

fn envelope(row: &SqliteRow) -> Result<Envelope, Box<dyn Error + Send + Sync>> {
    let metadata: MetadataColumn<'_> = serde_json::from_str(row.try_get(7)?)?;
    Ok(Envelope {
        position: row.try_get::<i64, _>(0)?.try_into()?,
        stream: StreamId {
            aggregate_type: Cow::Owned(row.try_get(1)?),
            aggregate_id: row.try_get(2)?,
        },
        version: row.try_get::<i64, _>(3)?.try_into()?,
        event_type: row.try_get(4)?,
        event_version: row.try_get::<&str, _>(5)?.parse()?,
        payload: serde_json::from_str(row.try_get(6)?)?,
        recorded_at: row.try_get::<&str, _>(8)?.parse::<DateTime<Utc>>()?,
        correlation_id: metadata.correlation_id,
        causation_id: metadata.causation_id,
        actor: metadata.actor.into_owned(),
        trace_parent: metadata.traceparent.map(Cow::into_owned),
        previous_hash: row.try_get::<&[u8], _>(9)?.try_into()?,
    })
}

/// The errors of these parsers tell places, not contents.
fn undecodable(path: &Path, what: &str, error: &(dyn Error + Send + Sync)) -> LogError {
    damaged(path, &format!("{what} does not decode: {error}"))
}

/// SQLite's integers are signed.
pub(super) fn clamp(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
