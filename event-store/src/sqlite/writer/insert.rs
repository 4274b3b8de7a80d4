//! Writes a plan: one transaction, many rows to a statement.
//!
//! Each call to the driver is a change of threads and back, so the transaction is
//! begun in the text of the first statement and committed in that of the last.

use std::iter;

use sqlx::{Sqlite, SqliteConnection, query::Query, sqlite::SqliteArguments};

use super::Writer;
use crate::{
    CommandEntry, LogError, PersonalChange, Reservation,
    envelope::format_time,
    plan::{Plan, Row},
    sqlite::{failure::storage, read::clamp},
};

/// Rows to a statement, from the most to one, so that few statements serve any
/// number of rows and all of them stay prepared.
const SIZES: [usize; 5] = [64, 16, 4, 2, 1];

type Bound<'q> = Query<'q, Sqlite, SqliteArguments<'q>>;

/// The statements.
pub(super) struct Inserts {
    events: [Insert; SIZES.len()],
    commands: [Insert; SIZES.len()],
    reservations: [Insert; SIZES.len()],
    keep_key: Insert,
    destroy_key: Insert,
    free_names: Insert,
}

/// An insert of some number of rows, by its place in the transaction.
struct Insert {
    only: String,
    first: String,
    middle: String,
    last: String,
}

impl Insert {
    fn new(text: String) -> Self {
        Self {
            only: format!("BEGIN IMMEDIATE; {text}; COMMIT"),
            first: format!("BEGIN IMMEDIATE; {text}"),
            last: format!("{text}; COMMIT"),
            middle: text,
        }
    }

    fn text(&self, first: bool, last: bool) -> &str {
        match (first, last) {
            (true, true) => &self.only,
            (true, false) => &self.first,
            (false, false) => &self.middle,
            (false, true) => &self.last,
        }
    }
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
            keep_key: Insert::new("INSERT INTO personal_keys (account, key) VALUES (?, ?)".into()),
            destroy_key: Insert::new("DELETE FROM personal_keys WHERE account = ?".into()),
            free_names: Insert::new("DELETE FROM reservations WHERE owner = ?".into()),
        }
    }
}

fn statements(table: &str, columns: usize) -> [Insert; SIZES.len()] {
    let join = |part: &str, times| iter::repeat_n(part, times).collect::<Vec<_>>().join(", ");
    let row = format!("({})", join("?", columns));
    SIZES.map(|rows| Insert::new(format!("INSERT INTO {table} VALUES {}", join(&row, rows))))
}

impl Writer {
    /// Writes and commits all that the plan collected.
    pub(super) async fn insert(&mut self, plan: &Plan) -> Result<(), LogError> {
        let mut batch = Vec::new();
        cut(&mut batch, &self.inserts.events, &plan.rows, event);
        cut(&mut batch, &self.inserts.commands, &plan.commands, command);
        let statements = &self.inserts.reservations;
        cut(&mut batch, statements, &plan.reservations, reservation);
        for change in &plan.personal {
            self.inserts.change_keys(&mut batch, change);
        }
        execute(&mut self.connection, batch)
            .await
            .map_err(|error| storage(&self.shared.path, "write a batch", error))
    }
}

/// A statement and what binds its rows.
type Part<'q> = (
    &'q Insert,
    Box<dyn FnOnce(Bound<'q>) -> Bound<'q> + Send + 'q>,
);

impl Inserts {
    fn change_keys<'q>(&'q self, batch: &mut Vec<Part<'q>>, change: &'q PersonalChange) {
        let account = change.account().to_string();
        match change {
            PersonalChange::Keep { key, .. } => batch.push((
                &self.keep_key,
                Box::new(move |query| query.bind(account).bind(&key.expose()[..])),
            )),
            PersonalChange::Erase { .. } => {
                let owner = account.clone();
                batch.push((
                    &self.destroy_key,
                    Box::new(move |query| query.bind(account)),
                ));
                batch.push((&self.free_names, Box::new(move |query| query.bind(owner))));
            }
        }
    }
}

/// Cuts rows into statements.
fn cut<'q, T: Sync>(
    batch: &mut Vec<Part<'q>>,
    statements: &'q [Insert; SIZES.len()],
    mut rows: &'q [T],
    bind: fn(Bound<'q>, &'q T) -> Bound<'q>,
) {
    for (size, statement) in SIZES.iter().zip(statements) {
        while let Some((chunk, rest)) = rows.split_at_checked(*size) {
            batch.push((
                statement,
                Box::new(move |query| chunk.iter().fold(query, bind)),
            ));
            rows = rest;
        }
    }
}

async fn execute(connection: &mut SqliteConnection, batch: Vec<Part<'_>>) -> sqlx::Result<()> {
    let count = batch.len();
    for (index, (insert, bind)) in batch.into_iter().enumerate() {
        let text = insert.text(index == 0, index + 1 == count);
        bind(sqlx::query(text)).execute(&mut *connection).await?;
    }
    Ok(())
}

fn event<'q>(query: Bound<'q>, row: &'q Row) -> Bound<'q> {
    let envelope = &*row.envelope;
    query
        .bind(clamp(envelope.position))
        .bind(envelope.stream.aggregate_type.as_ref())
        .bind(&envelope.stream.aggregate_id)
        .bind(clamp(envelope.version))
        .bind(&envelope.event_type)
        .bind(envelope.event_version.to_string())
        .bind(&*row.payload)
        .bind(&*row.metadata)
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
