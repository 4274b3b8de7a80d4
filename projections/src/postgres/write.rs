//! Writes the changes of a batch: one statement a table, however many rows.

use sqlx::PgConnection;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::failure::{clean, damaged, failed, signed};
use super::registry::Target;
use crate::store::Row as _;
use crate::{
    AccountRow, Change, KeyRow, PartyRow, Projection, SessionRow, SkippedEvent, StoreError,
    TimelineEntry,
};
use countersign_domain::ids::SessionId;

/// The columns of many rows of one table.
#[derive(Default)]
struct Columns {
    ids: Vec<Uuid>,
    names: Vec<String>,
    positions: Vec<i64>,
    first: Vec<Uuid>,
    second: Vec<Uuid>,
    texts: [Vec<String>; 3],
    docs: Vec<String>,
    gone: Vec<Uuid>,
}

/// Writes the changes of the target's projection.
pub(super) async fn write(
    connection: &mut PgConnection,
    target: Target,
    changes: &[Change],
) -> Result<(), StoreError> {
    let mut rows = Columns::default();
    let mut running = Columns::default();
    for change in changes {
        match change {
            Change::UpsertAccount(row) => rows.account(target, row)?,
            Change::UpsertKey(row) => rows.key(target, row)?,
            Change::UpsertSession(row) => rows.session(target, row)?,
            Change::UpsertParty(row) => rows.party(target, row)?,
            Change::ExtendTimeline(id, entries) => rows.timeline(target, *id, entries)?,
            Change::SetRunning(id, None) => running.gone.push(id.0),
            Change::SetRunning(id, Some(signers)) => {
                running.ids.push(id.0);
                let doc = serde_json::to_string(signers);
                running.docs.push(doc.map_err(damaged(target.projection))?);
            }
        }
    }
    if !rows.docs.is_empty() {
        let sql = upsert(target);
        execute(connection, rows.bind(target, sqlx::query(&sql))).await?;
    }
    if !running.gone.is_empty() {
        let sql = format!("DELETE FROM {} WHERE id = ANY($1)", target.running());
        execute(connection, sqlx::query(&sql).bind(running.gone)).await?;
    }
    if !running.ids.is_empty() {
        let sql = format!(
            "INSERT INTO {} (id, doc) SELECT id, doc
             FROM unnest($1::uuid[], $2::text[]) AS new (id, doc)
             ON CONFLICT (id) DO UPDATE SET doc = excluded.doc",
            target.running()
        );
        let query = sqlx::query(&sql).bind(running.ids).bind(running.docs);
        execute(connection, query).await?;
    }
    Ok(())
}

/// Records what a version has parked.
pub(super) async fn park(
    connection: &mut PgConnection,
    target: Target,
    events: &[SkippedEvent],
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let mut insert: QueryBuilder<'_, Postgres> = QueryBuilder::new(
        "INSERT INTO read_models.parked (projection, version, position, aggregate_type,
            aggregate_id, event_type, event_version, recorded_at, reason) ",
    );
    // Far below the number of parameters that a statement may have.
    for some in events.chunks(1000) {
        insert.reset();
        insert.push_values(some, |mut row, event| {
            row.push_bind(target.projection.name())
                .push_bind(target.version)
                .push_bind(signed(event.position))
                .push_bind(clean(&event.stream.aggregate_type))
                .push_bind(clean(&event.stream.aggregate_id))
                .push_bind(clean(&event.event_type))
                .push_bind(i32::from(event.event_version))
                .push_bind(event.recorded_at)
                .push_bind(clean(&event.reason));
        });
        execute(connection, insert.build()).await?;
    }
    Ok(())
}

async fn execute(
    connection: &mut PgConnection,
    query: Query<'_, Postgres, PgArguments>,
) -> Result<(), StoreError> {
    let done = query.execute(connection).await;
    done.map(drop).map_err(failed("writing rows"))
}

/// The columns of a projection's table.
pub(super) fn columns(projection: Projection) -> &'static str {
    match projection {
        Projection::Accounts => "id, created_position, username, email, status, doc",
        Projection::Keys => "id, created_position, account_id, status, doc",
        Projection::Sessions => "id, created_position, account_id, key_id, status, kind, doc",
        Projection::Parties => "id, doc",
        Projection::Timeline => "id, position, doc",
    }
}

fn upsert(target: Target) -> String {
    use Projection as P;
    let (table, columns) = (target.table(), columns(target.projection));
    // The arrays that the columns come from, and the columns that can change.
    let (arrays, changing) = match target.projection {
        P::Accounts => (
            "$1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[]",
            "username = excluded.username, email = excluded.email, status = excluded.status, \
             doc = excluded.doc",
        ),
        P::Keys => (
            "$1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[]",
            "status = excluded.status, doc = excluded.doc",
        ),
        P::Sessions => (
            "$1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[]",
            "status = excluded.status, doc = excluded.doc",
        ),
        P::Parties => ("$1::text[], $2::text[]", "doc = excluded.doc"),
        P::Timeline => ("$1::uuid[], $2::bigint[], $3::text[]", ""),
    };
    let conflict = match changing {
        // Only added to.
        "" => String::new(),
        changing => format!("ON CONFLICT (id) DO UPDATE SET {changing}"),
    };
    format!(
        "INSERT INTO {table} ({columns}) SELECT {columns} FROM unnest({arrays}) AS new ({columns}) \
         {conflict}"
    )
}

impl Columns {
    fn account(&mut self, target: Target, row: &AccountRow) -> Result<(), StoreError> {
        self.ids.push(row.id());
        self.positions.push(signed(row.created_position()));
        self.texts[0].push(clean(&AccountRow::in_clear(&row.view.username)));
        self.texts[1].push(clean(&AccountRow::in_clear(&row.view.email)));
        self.texts[2].push(row.view.status.to_string());
        self.doc(target, row)
    }

    fn key(&mut self, target: Target, row: &KeyRow) -> Result<(), StoreError> {
        self.ids.push(row.id());
        self.positions.push(signed(row.created_position()));
        self.first.push(row.view.account_id.0);
        self.texts[0].push(row.view.status.to_string());
        self.doc(target, row)
    }

    fn session(&mut self, target: Target, row: &SessionRow) -> Result<(), StoreError> {
        self.ids.push(row.id());
        self.positions.push(signed(row.created_position()));
        self.first.push(row.view.account_id.0);
        self.second.push(row.view.key_id.0);
        self.texts[0].push(row.view.status.to_string());
        self.texts[1].push(row.view.kind.to_string());
        self.doc(target, row)
    }

    fn party(&mut self, target: Target, row: &PartyRow) -> Result<(), StoreError> {
        self.names.push(row.view.party.as_str().to_owned());
        self.doc(target, row)
    }

    fn timeline(
        &mut self,
        target: Target,
        id: SessionId,
        entries: &[TimelineEntry],
    ) -> Result<(), StoreError> {
        let Some(first) = entries.first() else {
            return Ok(());
        };
        self.ids.push(id.0);
        self.positions.push(signed(first.position));
        self.doc(target, &entries)
    }

    fn doc(&mut self, target: Target, row: &impl serde::Serialize) -> Result<(), StoreError> {
        let doc = serde_json::to_string(row);
        self.docs.push(doc.map_err(damaged(target.projection))?);
        Ok(())
    }

    fn bind<'q>(
        self,
        target: Target,
        query: Query<'q, Postgres, PgArguments>,
    ) -> Query<'q, Postgres, PgArguments> {
        use Projection as P;
        let [one, two, three] = self.texts;
        let query = match target.projection {
            P::Accounts => query
                .bind(self.ids)
                .bind(self.positions)
                .bind(one)
                .bind(two)
                .bind(three),
            P::Keys => query
                .bind(self.ids)
                .bind(self.positions)
                .bind(self.first)
                .bind(one),
            P::Sessions => query
                .bind(self.ids)
                .bind(self.positions)
                .bind(self.first)
                .bind(self.second)
                .bind(one)
                .bind(two),
            P::Parties => query.bind(self.names),
            P::Timeline => query.bind(self.ids).bind(self.positions),
        };
        query.bind(self.docs)
    }
}
