//! New rows in PostgreSQL's binary copy format, which takes them in bulk.
//!
//! The format: <https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.55.9.4.6>.

use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::failure::{clean, damaged, failed, signed};
use super::registry::Target;
use super::write::columns;
use crate::store::Row as _;
use crate::{AccountRow, Change, Projection, StoreError};

/// Signature, flags, length of the header's extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// In the place of a row's number of columns.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// Bytes that are written at once, as a rule.
pub(super) const PORTION: usize = 1 << 21;

/// Room for a portion and the row that fills it.
const ROOM: usize = PORTION + (1 << 15);

/// Bytes to a message: the server makes room for a whole one.
const MESSAGE: usize = 1 << 15;

/// New rows of one table, or of the two of the parties' projection.
#[derive(Debug)]
pub(super) struct Rows {
    target: Target,
    rows: Vec<u8>,
    running: Vec<u8>,
}

impl Rows {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            rows: vec![],
            running: vec![],
        }
    }

    /// How many bytes wait to be written.
    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.running.len()
    }

    /// Adds a row that the table does not have.
    pub(super) fn add(&mut self, change: &Change) -> Result<(), StoreError> {
        let projection = self.target.projection;
        let rows = &mut self.rows;
        // At once, because to grow means to be copied.
        if rows.is_empty() {
            rows.reserve(ROOM);
        }
        match change {
            Change::UpsertAccount(row) => Tuple::new(rows, projection, 6)
                .uuid(row.id())
                .bigint(row.created_position())
                .text(&clean(&AccountRow::in_clear(&row.view.username)))
                .text(&clean(&AccountRow::in_clear(&row.view.email)))
                .text(&row.view.status.to_string())
                .json(row),
            Change::UpsertKey(row) => Tuple::new(rows, projection, 5)
                .uuid(row.id())
                .bigint(row.created_position())
                .uuid(row.view.account_id.0)
                .text(&row.view.status.to_string())
                .json(row),
            Change::UpsertSession(row) => Tuple::new(rows, projection, 7)
                .uuid(row.id())
                .bigint(row.created_position())
                .uuid(row.view.account_id.0)
                .uuid(row.view.key_id.0)
                .text(&row.view.status.to_string())
                .text(&row.view.kind.to_string())
                .json(row),
            Change::UpsertParty(row) => Tuple::new(rows, projection, 2)
                .text(row.view.party.as_str())
                .json(row),
            Change::SetRunning(id, Some(signers)) => Tuple::new(&mut self.running, projection, 2)
                .uuid(id.0)
                .json(signers),
            Change::ExtendTimeline(id, entries) => match entries.first() {
                Some(first) => Tuple::new(rows, projection, 3)
                    .uuid(id.0)
                    .bigint(first.position)
                    .json(entries),
                None => Ok(()),
            },
            Change::SetRunning(_, None) => Ok(()),
        }
    }

    /// Forgets the rows, and keeps the room that they took.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.running.clear();
    }

    /// Writes the rows.
    pub(super) async fn write(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let target = self.target;
        copy(
            connection,
            &target.table(),
            columns(target.projection),
            &self.rows,
        )
        .await?;
        if self.running.is_empty() {
            return Ok(());
        }
        copy(connection, &target.running(), "id, doc", &self.running).await
    }
}

async fn copy(
    connection: &mut PgConnection,
    table: &str,
    columns: &str,
    rows: &[u8],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let failed = failed("copying rows");
    let statement = format!("COPY {table} ({columns}) FROM STDIN (FORMAT binary)");
    let copying = connection.copy_in_raw(&statement).await;
    let mut copying = copying.map_err(&failed)?;
    copying.send(HEADER).await.map_err(&failed)?;
    for part in rows.chunks(MESSAGE) {
        copying.send(part).await.map_err(&failed)?;
    }
    copying.send(&TRAILER[..]).await.map_err(&failed)?;
    copying.finish().await.map_err(&failed)?;
    Ok(())
}

/// A row as it is written.
struct Tuple<'a> {
    buffer: &'a mut Vec<u8>,
    projection: Projection,
}

impl<'a> Tuple<'a> {
    fn new(buffer: &'a mut Vec<u8>, projection: Projection, columns: i16) -> Self {
        buffer.extend(columns.to_be_bytes());
        Self { buffer, projection }
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        self.buffer.extend(length(bytes.len()));
        self.buffer.extend(bytes);
        self
    }

    fn uuid(self, id: Uuid) -> Self {
        self.bytes(id.as_bytes())
    }

    fn bigint(self, number: u64) -> Self {
        self.bytes(&signed(number).to_be_bytes())
    }

    fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// The last column.
    fn json(self, document: &impl Serialize) -> Result<(), StoreError> {
        let place = self.buffer.len();
        self.buffer.extend([0; 4]);
        let start = self.buffer.len();
        let written = serde_json::to_writer(&mut *self.buffer, document);
        written.map_err(damaged(self.projection))?;
        let length = length(self.buffer.len() - start);
        self.buffer[place..start].copy_from_slice(&length);
        Ok(())
    }
}

/// What is longer than this is refused by the server.
fn length(bytes: usize) -> [u8; 4] {
    i32::try_from(bytes).unwrap_or(i32::MAX).to_be_bytes()
}
