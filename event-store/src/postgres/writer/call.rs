//! What the database is told and asked: to write a plan, and what it holds.

use sqlx::{PgConnection, postgres::PgRow};

use super::lookup::Wanted;
use crate::{PersonalChange, plan::Plan, postgres::read::clamp};

/// Writes events and commands if the head is the one that was assumed and the streams
/// are empty that were assumed to be; tells whether it was so. Whoever holds the head's
/// row is the only one that appends, until the commit that comes with the statement.
macro_rules! write {
    ($reservations:literal) => {
        concat!(
            "WITH at_head AS (SELECT FROM log_head WHERE position = $1 AND NOT EXISTS (
                SELECT FROM unnest($2::text[], $3::text[]) AS s (kind, id)
                CROSS JOIN LATERAL (SELECT FROM events
                    WHERE aggregate_type = s.kind AND aggregate_id = s.id LIMIT 1) AS e
            ) FOR UPDATE), written_commands AS (
                INSERT INTO commands (id, fingerprint, first_position, last_position)
                SELECT unnest($4::uuid[]), unnest($5::bytea[]), unnest($6::bigint[]),
                    unnest($7::bigint[])
                FROM at_head
            ), written_events AS (
                INSERT INTO events (position, aggregate_type, aggregate_id, sequence, event_type,
                    event_version, payload, metadata, recorded_at, previous_hash, hash)
                SELECT unnest($8::bigint[]), unnest($9::text[]), unnest($10::text[]),
                    unnest($11::bigint[]), unnest($12::text[]), unnest($13::text[]),
                    unnest($14::text[])::json, unnest($15::text[])::json,
                    unnest($16::timestamptz[]), unnest($17::bytea[]), unnest($18::bytea[])
                FROM at_head
            )",
            $reservations,
            " SELECT EXISTS (SELECT FROM at_head)"
        )
    };
}

const WRITE: &str = write!("");

/// Most batches reserve nothing, and need not get ready for it.
const WRITE_AND_RESERVE: &str = write!(
    ", written_reservations AS (
        INSERT INTO reservations (scope, value, owner)
        SELECT unnest($19::text[]), unnest($20::text[]), unnest($21::text[]) FROM at_head
    )"
);

/// The head, and of all that is mentioned what is there, each with its place in its
/// array: commands are of kind 0, streams of kind 1, reservations of kind 2. Each is
/// looked up on its own, so that no plan ever reads a table from end to end. One
/// statement, so that the answer is of one moment.
const LOOK_UP: &str = "SELECT 3::int2, 0::int8, position, NULL::int8, NULL::bytea, NULL::text
    FROM log_head
    UNION ALL
    SELECT 0::int2, c.place, k.first_position, k.last_position, k.fingerprint, NULL
    FROM unnest($1::uuid[]) WITH ORDINALITY AS c (id, place)
    CROSS JOIN LATERAL (SELECT * FROM commands WHERE id = c.id LIMIT 1) AS k
    UNION ALL
    SELECT 1::int2, s.place, e.sequence, NULL, e.hash, NULL
    FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS s (kind, id, place)
    CROSS JOIN LATERAL (SELECT sequence, hash FROM events
        WHERE aggregate_type = s.kind AND aggregate_id = s.id
        ORDER BY sequence DESC LIMIT 1) AS e
    UNION ALL
    SELECT 2::int2, v.place, NULL, NULL, NULL, r.owner
    FROM unnest($4::text[], $5::text[]) WITH ORDINALITY AS v (scope, value, place)
    CROSS JOIN LATERAL (SELECT owner FROM reservations
        WHERE scope = v.scope AND value = v.value LIMIT 1) AS r";

/// See `migrations/postgres/0008_personal_keys.sql`.
const CHANGE_KEYS: &str = "SELECT change_personal_keys($1, $2, $3)";

/// What became of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// It is in the log.
    Written,
    /// The log has moved on, or a stream is not empty. Nothing is written.
    Moved,
    /// A command, a value or a version is there already. Nothing is written, and the
    /// transaction is spoilt.
    Taken,
}

/// Writes all that a plan collected, if the log is as it was assumed.
pub(super) async fn write(
    connection: &mut PgConnection,
    wanted: &Wanted<'_>,
    plan: &Plan,
) -> sqlx::Result<Attempt> {
    let (rows, commands) = (&plan.rows[..], &plan.commands[..]);
    let (empty_types, empty_ids) = wanted.assumed_empty(plan);
    let events = || rows.iter().map(|row| &*row.envelope);
    let positions: Vec<_> = events().map(|event| clamp(event.position)).collect();
    let kinds: Vec<&str> = events()
        .map(|event| event.stream.aggregate_type.as_ref())
        .collect();
    let ids: Vec<&str> = events().map(|e| &e.stream.aggregate_id[..]).collect();
    let versions: Vec<_> = events().map(|event| clamp(event.version)).collect();
    let types: Vec<&str> = events().map(|event| &event.event_type[..]).collect();
    let schemas: Vec<_> = events().map(|e| e.event_version.to_string()).collect();
    let payloads: Vec<&str> = rows.iter().map(|row| &row.payload[..]).collect();
    let metadata: Vec<&str> = rows.iter().map(|row| &*row.metadata).collect();
    let times: Vec<_> = events().map(|event| event.recorded_at).collect();
    let previous: Vec<&[u8]> = events().map(|event| &event.previous_hash[..]).collect();
    let hashes: Vec<&[u8]> = rows.iter().map(|row| &row.hash[..]).collect();
    let command_ids: Vec<_> = commands.iter().map(|entry| entry.record.id).collect();
    let fingerprints: Vec<&[u8]> = commands
        .iter()
        .map(|entry| &entry.record.fingerprint[..])
        .collect();
    let firsts: Vec<_> = commands.iter().map(|e| clamp(e.first_position)).collect();
    let lasts: Vec<_> = commands.iter().map(|e| clamp(e.last_position)).collect();
    let reserves = !plan.reservations.is_empty();
    let statement = if reserves { WRITE_AND_RESERVE } else { WRITE };
    let mut query = sqlx::query_scalar(statement)
        .bind(clamp(plan.base))
        .bind(empty_types)
        .bind(empty_ids)
        .bind(command_ids)
        .bind(fingerprints)
        .bind(firsts)
        .bind(lasts)
        .bind(positions)
        .bind(kinds)
        .bind(ids)
        .bind(versions)
        .bind(types)
        .bind(schemas)
        .bind(payloads)
        .bind(metadata)
        .bind(times)
        .bind(previous)
        .bind(hashes);
    if reserves {
        let reservations = || plan.reservations.iter();
        let scopes: Vec<&str> = reservations().map(|r| &r.scope[..]).collect();
        let values: Vec<&str> = reservations().map(|r| &r.value[..]).collect();
        let owners: Vec<&str> = reservations().map(|r| &r.owner[..]).collect();
        query = query.bind(scopes).bind(values).bind(owners);
    }
    match query.fetch_one(connection).await {
        Ok(true) => Ok(Attempt::Written),
        Ok(false) => Ok(Attempt::Moved),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(Attempt::Taken),
        Err(error) => Err(error),
    }
}

/// Looks up all that is mentioned.
pub(super) async fn look_up(
    connection: &mut PgConnection,
    wanted: &Wanted<'_>,
) -> sqlx::Result<Vec<PgRow>> {
    let (stream_types, stream_ids) = wanted.streams();
    let (scopes, names) = wanted.reservations();
    sqlx::query(LOOK_UP)
        .bind(wanted.commands())
        .bind(stream_types)
        .bind(stream_ids)
        .bind(scopes)
        .bind(names)
        .fetch_all(connection)
        .await
}

/// Writes and destroys the keys of a plan that was just written, in its transaction.
pub(super) async fn change_keys(connection: &mut PgConnection, plan: &Plan) -> sqlx::Result<()> {
    let (mut kept, mut keys, mut erased) = (vec![], vec![], vec![]);
    for change in &plan.personal {
        match change {
            PersonalChange::Keep { account, key } => {
                kept.push(account.0);
                keys.push(&key.expose()[..]);
            }
            PersonalChange::Erase { account } => erased.push(account.0),
        }
    }
    let call = sqlx::query(CHANGE_KEYS).bind(kept).bind(keys).bind(erased);
    call.execute(connection).await.map(drop)
}
