//! Reads rows and turns them back into envelopes.
//!
//! Positions are committed in their order, so whatever a statement sees has no gaps,
//! and pages read one after another fit together.

use std::{borrow::Cow, error::Error, future::Future, sync::Arc};

use chrono::{DateTime, Utc};
use futures::{FutureExt, future::BoxFuture};
use sqlx::{PgConnection, PgPool, Row, postgres::PgRow};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{Shared, failure::damaged, pool::retried};
use crate::{
    CommandEntry, CommandRecord, DecodedEvent, Decoder, Envelope, LogError, Recorded, StreamId,
    envelope::known_aggregate_type, metadata::MetadataColumn,
};

/// Why a row is none of ours.
type Unreadable = Box<dyn Error + Send + Sync>;

/// Rows to a statement.
const PAGE: usize = 5000;

/// Rows to a statement that is short.
const SHORT: i64 = 512;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT position, aggregate_type, aggregate_id, sequence, event_type, event_version, ",
            "payload::text, metadata::text, recorded_at, previous_hash FROM events ",
            $rest
        )
    };
}

const ALL: &str = select!("WHERE position > $1 ORDER BY position LIMIT $2");

/// Without what only auditors want to know.
const DECODED: &str = "SELECT position, aggregate_type, aggregate_id, sequence, event_type, \
    event_version, payload, recorded_at \
    FROM events WHERE position > $1 ORDER BY position LIMIT $2";

const STREAM: &str = select!(
    "WHERE sequence > $1 AND aggregate_type = $3 AND aggregate_id = $4 ORDER BY sequence LIMIT $2"
);

const COMMAND: &str =
    "SELECT id, fingerprint, first_position, last_position FROM commands WHERE id = $1";

pub(super) async fn all(
    shared: &Shared,
    after: u64,
    limit: usize,
) -> Result<Vec<Arc<Envelope>>, LogError> {
    let page = |after, page| {
        retried(&shared.pool, "read events", move |pool: &PgPool| {
            sqlx::query(ALL).bind(after).bind(page).fetch_all(pool)
        })
    };
    paged(shared, after, limit, page, |event| event.position).await
}

/// The rows of up to `limit` events after a position, read on this connection.
pub(super) async fn rows(
    connection: &mut PgConnection,
    after: u64,
    limit: u64,
) -> sqlx::Result<Vec<PgRow>> {
    let asked = sqlx::query(ALL).bind(clamp(after)).bind(clamp(limit));
    asked.fetch_all(connection).await
}

/// Events from their rows.
pub(super) fn envelopes(log: &str, rows: &[PgRow]) -> Result<Vec<Arc<Envelope>>, LogError> {
    let read = rows.iter().map(|row| envelope(row).map(Arc::new));
    let read: Result<_, _> = read.collect();
    read.map_err(|error: Unreadable| undecodable(log, "an event", &*error))
}

/// Events decoded from their rows, on a thread that may take its time.
pub(super) async fn decoded(
    shared: &Shared,
    after: u64,
    limit: usize,
    decoder: &Decoder,
) -> Result<Vec<DecodedEvent>, LogError> {
    let rows = retried(&shared.pool, "read events", |pool: &PgPool| {
        let page = clamp(limit as u64);
        sqlx::query(DECODED)
            .bind(clamp(after))
            .bind(page)
            .fetch_all(pool)
    });
    let rows = rows.await?;
    let decoder = decoder.clone();
    let decode = move || {
        // All of them at once, because to grow means to be copied.
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            let recorded = recorded(row).map_err(|error| error.to_string())?;
            let payload = json(row, 6).map_err(|error| error.to_string())?;
            events.push(decoder.decode_text(recorded, payload));
        }
        Ok::<_, String>(events)
    };
    let events = spawn_blocking(decode).await;
    let events = events.map_err(|error| LogError::storage("decode events", error))?;
    events.map_err(|error| undecodable(&shared.name, "an event", &*Unreadable::from(error)))
}

pub(super) async fn stream(
    shared: &Shared,
    stream: &StreamId,
    after_version: u64,
    limit: usize,
) -> Result<Vec<Arc<Envelope>>, LogError> {
    let page = |after, page| {
        look(shared, "read a stream", page <= SHORT, move |connection| {
            let asked = sqlx::query(STREAM)
                .bind(after)
                .bind(page)
                .bind(stream.aggregate_type.to_string())
                .bind(stream.aggregate_id.to_string());
            asked.fetch_all(connection).boxed()
        })
    };
    let events = paged(shared, after_version, limit, page, |event| event.version).await?;
    let mut after = after_version;
    for event in &events {
        if event.version != after + 1 {
            return Err(LogError::Damaged {
                log: shared.name.clone(),
                detail: format!(
                    "version {} of {stream} follows version {after}",
                    event.version
                ),
            });
        }
        after = event.version;
    }
    Ok(events)
}

pub(super) async fn command(shared: &Shared, id: Uuid) -> Result<Option<CommandEntry>, LogError> {
    let row = look(shared, "find a command", true, |connection| {
        let asked = sqlx::query(COMMAND).bind(id);
        asked.fetch_optional(connection).boxed()
    });
    let row = row.await?;
    row.map(|row| entry(&shared.name, &row)).transpose()
}

pub(super) async fn head(shared: &Shared) -> Result<u64, LogError> {
    let head = retried(&shared.pool, "read the head", |pool| {
        sqlx::query_scalar::<_, i64>("SELECT position FROM log_head").fetch_one(pool)
    });
    Ok(head.await?.unsigned_abs())
}

/// Asks what may be asked twice. A short question takes the connection of those who
/// follow when it is free, because one of the pool costs another round trip.
async fn look<T>(
    shared: &Shared,
    operation: &'static str,
    short: bool,
    statement: impl for<'c> Fn(&'c mut PgConnection) -> BoxFuture<'c, sqlx::Result<T>>,
) -> Result<T, LogError> {
    if short && let Some(mut link) = shared.newest.free() {
        return link.ask(operation, statement).await;
    }
    retried(&shared.pool, operation, |pool| async {
        statement(&mut *pool.acquire().await?).await
    })
    .await
}

/// A row of `commands`.
fn entry(log: &str, row: &PgRow) -> Result<CommandEntry, LogError> {
    let decode = || -> Result<CommandEntry, Unreadable> {
        Ok(CommandEntry {
            record: CommandRecord {
                id: row.try_get(0)?,
                fingerprint: row.try_get::<&[u8], _>(1)?.try_into()?,
            },
            first_position: row.try_get::<i64, _>(2)?.try_into()?,
            last_position: row.try_get::<i64, _>(3)?.try_into()?,
        })
    };
    decode().map_err(|error| undecodable(log, "a command", &*error))
}

/// Puts together what pages by an ascending key return after a key.
async fn paged<F>(
    shared: &Shared,
    mut after: u64,
    limit: usize,
    page: impl Fn(i64, i64) -> F,
    key: fn(&Envelope) -> u64,
) -> Result<Vec<Arc<Envelope>>, LogError>
where
    F: Future<Output = Result<Vec<PgRow>, LogError>>,
{
    let mut events: Vec<Arc<Envelope>> = Vec::new();
    loop {
        let size = (limit - events.len()).min(PAGE);
        let rows = page(clamp(after), clamp(size as u64)).await?;
        let read = envelopes(&shared.name, &rows)?;
        after = read.last().map_or(after, |event| key(event));
        events.extend(read);
        if rows.len() < size || events.len() == limit {
            return Ok(events);
        }
    }
}

fn envelope(row: &PgRow) -> Result<Envelope, Unreadable> {
    let metadata: MetadataColumn<'_> = serde_json::from_str(row.try_get(7)?)?;
    Ok(Envelope {
        position: row.try_get::<i64, _>(0)?.try_into()?,
        stream: StreamId {
            aggregate_type: known_aggregate_type(row.try_get(1)?),
            aggregate_id: row.try_get(2)?,
        },
        version: row.try_get::<i64, _>(3)?.try_into()?,
        event_type: row.try_get(4)?,
        event_version: row.try_get::<&str, _>(5)?.parse()?,
        payload: serde_json::from_str(row.try_get(6)?)?,
        recorded_at: row.try_get::<DateTime<Utc>, _>(8)?,
        correlation_id: metadata.correlation_id,
        causation_id: metadata.causation_id,
        actor: metadata.actor.into_owned(),
        trace_parent: metadata.traceparent.map(Cow::into_owned),
        previous_hash: row.try_get::<&[u8], _>(9)?.try_into()?,
    })
}

/// From the columns of [`DECODED`], whose types are those of the schema: to compare
/// them for every row would take longer than to read them.
fn recorded(row: &PgRow) -> Result<Recorded, Unreadable> {
    Ok(Recorded {
        position: row.try_get_unchecked::<i64, _>(0)?.try_into()?,
        stream: StreamId {
            aggregate_type: known_aggregate_type(row.try_get_unchecked(1)?),
            aggregate_id: row.try_get_unchecked(2)?,
        },
        version: row.try_get_unchecked::<i64, _>(3)?.try_into()?,
        event_type: row.try_get_unchecked(4)?,
        event_version: row.try_get_unchecked::<&str, _>(5)?.parse()?,
        recorded_at: row.try_get_unchecked::<DateTime<Utc>, _>(7)?,
    })
}

/// A column of type json as it was sent: to make it a text, the server would copy it
/// twice more.
fn json(row: &PgRow, column: usize) -> Result<&str, Unreadable> {
    row.try_get_raw(column)?.as_str()
}

/// The errors of these parsers tell places, not contents.
fn undecodable(log: &str, what: &str, error: &(dyn Error + Send + Sync)) -> LogError {
    damaged(log, format!("{what} does not decode: {error}"))
}

/// PostgreSQL's integers are signed.
pub(super) fn clamp(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
