//! Writes a plan, many rows to a statement.

use std::{borrow::Cow, iter};

use sqlx::{Sqlite, query::Query, sqlite::SqliteArguments};

use super::Writer;
use crate::{
    CommandEntry, LogError, Reservation,
    envelope::format_time,
    plan::{Plan, Row},
    sqlite::{
        failure::storage,
        read::{MetadataColumn, clamp},
    },
};

/// Rows to a statement, from the most to one, so that few statements serve any
/// number of rows and all of them stay prepared.
const SIZES: [usize; 3] = [64, 8, 1];

type Bound<'q> = Query<'q, Sqlite, SqliteArguments<'q>>;

/// The statements.
pub(super) struct Inserts {
    events: [String; 3],
    commands: [String; 3],
    reservations: [String; 3],
}

impl Inserts {
    pub(super) fn new() -> Self {
        Self {
            events: statements(
                "events (position, aggregate_type, aggregate_id, sequence, event_type, \
                 event_version, payload, metadata, timestamp, previous_hash, hash)",
                11,
            ),
            commands: statements(
                "commands (id, fingerprint, first_position, last_position)",
                4,
            ),
            reservations: statements("reservations (scope, value, owner)", 3),
        }
    }
}

fn statements(table: &str, columns: usize) -> [String; 3] {
    let join = |part: &str, times| iter::repeat_n(part, times).collect::<Vec<_>>().join(", ");
    let row = format!("({})", join("?", columns));
    SIZES.map(|rows| format!("INSERT INTO {table} VALUES {}", join(&row, rows)))
}

impl Writer {
    /// Writes all that the plan collected.
    pub(super) async fn insert(&mut self, plan: &Plan) -> Result<(), LogError> {
        let connection = &mut self.connection;
        let written = async {
            insert(connection, &self.inserts.events, &plan.rows, event).await?;
            insert(connection, &self.inserts.commands, &plan.commands, command).await?;
            let statements = &self.inserts.reservations;
            insert(connection, statements, &plan.reservations, reservation).await
        };
        written
            .await
            .map_err(|error| storage(&self.shared.path, "write a batch", error))
    }
}

async fn insert<'q, T>(
    connection: &mut sqlx::SqliteConnection,
    statements: &'q [String; 3],
    mut rows: &'q [T],
    bind: fn(Bound<'q>, &'q T) -> Bound<'q>,
) -> sqlx::Result<()> {
    for (size, statement) in SIZES.iter().zip(statements) {
        while let Some((chunk, rest)) = rows.split_at_checked(*size) {
            let query = chunk.iter().fold(sqlx::query(statement), bind);
            query.execute(&mut *connection).await?;
            rows = rest;
        }
    }
    Ok(())
}

fn event<'q>(query: Bound<'q>, row: &'q Row) -> Bound<'q> {
    let envelope = &*row.envelope;
    let metadata = MetadataColumn {
        correlation_id: envelope.correlation_id,
        causation_id: envelope.causation_id,
        actor: Cow::Borrowed(&envelope.actor),
        traceparent: envelope.trace_parent.as_deref().map(Cow::Borrowed),
    };
    let metadata = serde_json::to_string(&metadata).expect("texts are JSON");
    query
        .bind(clamp(envelope.position))
        .bind(envelope.stream.aggregate_type.as_ref())
        .bind(&envelope.stream.aggregate_id)
        .bind(clamp(envelope.version))
        .bind(&envelope.event_type)
        .bind(envelope.event_version.to_string())
        .bind(&row.payload)
        .bind(metadata)
        .bind(format_time(&envelope.recorded_at))
        .bind(&envelope.previous_hash[..])
        .bind(&row.hash[..])
}

fn command<'q>(query: Bound<'q>, entry: &'q CommandEntry) -> Bound<'q> {
    query
        .bind(entry.record.id.to_string())
        .bind(&entry.record.fingerprint[..])
        .bind(clamp(entry.first_position))
        .bind(clamp(entry.last_position))
}

fn reservation<'q>(query: Bound<'q>, reservation: &'q Reservation) -> Bound<'q> {
    query
        .bind(&reservation.scope)
        .bind(&reservation.value)
        .bind(&reservation.owner)
}
