//! Asks the database to write a plan, in one statement.

use sqlx::{PgConnection, postgres::PgRow};

use super::lookup::Wanted;
use crate::{PersonalChange, plan::Plan, postgres::read::clamp};

/// See `migrations/postgres/0005_faster.sql`.
const CALL: &str = "SELECT * FROM append_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
    $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)";

/// See `migrations/postgres/0008_personal_keys.sql`.
const CHANGE_KEYS: &str = "SELECT change_personal_keys($1, $2, $3)";

/// No head of a log.
const NOWHERE: i64 = -1;

/// Writes all that a plan collected, if the log is as it was assumed; else, and
/// always without a plan, looks up what is wanted.
pub(super) async fn append_batch(
    connection: &mut PgConnection,
    wanted: &Wanted<'_>,
    plan: Option<&Plan>,
) -> sqlx::Result<Vec<PgRow>> {
    let (rows, commands, reservations) = match plan {
        Some(plan) => (&plan.rows[..], &plan.commands[..], &plan.reservations[..]),
        None => (&[][..], &[][..], &[][..]),
    };
    let base = plan.map_or(NOWHERE, |plan| clamp(plan.base));
    let (scopes, names) = wanted.reservations();
    let (stream_types, stream_ids) = wanted.streams();
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
    let new_scopes: Vec<&str> = reservations.iter().map(|r| &r.scope[..]).collect();
    let values: Vec<&str> = reservations.iter().map(|r| &r.value[..]).collect();
    let owners: Vec<&str> = reservations.iter().map(|r| &r.owner[..]).collect();
    sqlx::query(CALL)
        .bind(base)
        .bind(wanted.commands())
        .bind(stream_types)
        .bind(stream_ids)
        .bind(wanted.assumed_empty(plan))
        .bind(scopes)
        .bind(names)
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
        .bind(hashes)
        .bind(command_ids)
        .bind(fingerprints)
        .bind(firsts)
        .bind(lasts)
        .bind(new_scopes)
        .bind(values)
        .bind(owners)
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
