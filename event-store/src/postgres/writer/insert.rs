//! Writes a plan in one statement.

use sqlx::PgConnection;

use crate::{metadata::MetadataColumn, plan::Plan, postgres::read::clamp};

const INSERT: &str = "\
    WITH new_commands AS ( \
        INSERT INTO commands (id, fingerprint, first_position, last_position) \
        SELECT * FROM unnest($12::uuid[], $13::bytea[], $14::bigint[], $15::bigint[]) \
    ), new_reservations AS ( \
        INSERT INTO reservations (scope, value, owner) \
        SELECT * FROM unnest($16::text[], $17::text[], $18::text[]) \
    ) \
    INSERT INTO events (position, aggregate_type, aggregate_id, sequence, event_type, \
        event_version, payload, metadata, recorded_at, previous_hash, hash) \
    SELECT position, aggregate_type, aggregate_id, sequence, event_type, \
        event_version, payload::json, metadata::json, recorded_at, previous_hash, hash \
    FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], \
        $7::text[], $8::text[], $9::timestamptz[], $10::bytea[], $11::bytea[]) \
    AS new (position, aggregate_type, aggregate_id, sequence, event_type, \
        event_version, payload, metadata, recorded_at, previous_hash, hash)";

/// Writes all that a plan collected.
pub(super) async fn insert(connection: &mut PgConnection, plan: &Plan) -> sqlx::Result<()> {
    let Plan {
        rows,
        commands,
        reservations,
        ..
    } = plan;
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
    let metadata: Vec<_> = events().map(MetadataColumn::of).collect();
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
    let scopes: Vec<&str> = reservations.iter().map(|r| &r.scope[..]).collect();
    let values: Vec<&str> = reservations.iter().map(|r| &r.value[..]).collect();
    let owners: Vec<&str> = reservations.iter().map(|r| &r.owner[..]).collect();
    sqlx::query(INSERT)
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
        .bind(scopes)
        .bind(values)
        .bind(owners)
        .execute(connection)
        .await?;
    Ok(())
}
