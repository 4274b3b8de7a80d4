//! Looks up what a batch mentions, with one query for each kind of thing.

use std::collections::{HashMap, HashSet};

use sqlx::{Row, sqlite::SqliteRow};

use super::Writer;
use crate::{
    Append, LogError,
    chain::Tail,
    plan::Plan,
    sqlite::{failure::storage, read},
};

const COMMANDS: &str = "SELECT id, fingerprint, first_position, last_position FROM commands \
    WHERE id IN (SELECT value FROM json_each(?1))";

const TAILS: &str = "SELECT s.key, e.sequence, e.hash \
    FROM json_each(?1) AS s CROSS JOIN events AS e \
    WHERE e.aggregate_type = s.value ->> 0 AND e.aggregate_id = s.value ->> 1 \
    AND e.sequence = (SELECT max(sequence) FROM events \
        WHERE aggregate_type = s.value ->> 0 AND aggregate_id = s.value ->> 1)";

const OWNERS: &str = "SELECT s.key, r.owner \
    FROM json_each(?1) AS s CROSS JOIN reservations AS r \
    WHERE r.scope = s.value ->> 0 AND r.value = s.value ->> 1";

impl Writer {
    /// A plan that knows all it needs to decide on `appends`.
    pub(super) async fn look_up(&mut self, appends: &[Append]) -> Result<Plan, LogError> {
        let mut plan = Plan {
            base: *self.shared.head.borrow(),
            ..Plan::default()
        };
        self.look_up_commands(appends, &mut plan).await?;
        self.look_up_tails(appends, &mut plan).await?;
        self.look_up_owners(appends, &mut plan).await?;
        Ok(plan)
    }

    async fn look_up_commands(
        &mut self,
        appends: &[Append],
        plan: &mut Plan,
    ) -> Result<(), LogError> {
        let commands = appends.iter().filter_map(|p| p.command.as_ref());
        let ids: Vec<_> = commands.map(|command| command.id.to_string()).collect();
        for row in self.rows(COMMANDS, &ids).await? {
            let entry = read::entry(&self.shared.path, &row)?;
            plan.known.insert(entry.record.id, entry);
        }
        Ok(())
    }

    async fn look_up_tails(&mut self, appends: &[Append], plan: &mut Plan) -> Result<(), LogError> {
        let mut missing = HashSet::new();
        for stream in appends.iter().flat_map(|p| &p.streams) {
            if let Some(tail) = self.tails.get(&stream.stream) {
                plan.tails.insert(stream.stream.clone(), tail);
            } else {
                missing.insert(&stream.stream);
            }
        }
        let missing: Vec<_> = missing.into_iter().collect();
        let names: Vec<_> = missing
            .iter()
            .map(|stream| [stream.aggregate_type.as_ref(), &stream.aggregate_id])
            .collect();
        for row in self.rows(TAILS, &names).await? {
            let found: (i64, i64, Vec<u8>) = self.decode(&row, |row| {
                Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
            })?;
            let (Some(stream), Ok(hash)) = (index(&missing, found.0), found.2.try_into()) else {
                unreachable!("the table checks the length, and the key is of our array");
            };
            let version = found.1.unsigned_abs();
            plan.tails.insert((*stream).clone(), Tail { version, hash });
        }
        Ok(())
    }

    async fn look_up_owners(
        &mut self,
        appends: &[Append],
        plan: &mut Plan,
    ) -> Result<(), LogError> {
        let values: Vec<_> = appends
            .iter()
            .flat_map(|p| &p.reservations)
            .map(|reservation| [&reservation.scope, &reservation.value])
            .collect();
        let mut owners = HashMap::new();
        for row in self.rows(OWNERS, &values).await? {
            let found: (i64, String) =
                self.decode(&row, |row| Ok((row.try_get(0)?, row.try_get(1)?)))?;
            if let Some([scope, value]) = index(&values, found.0) {
                owners.insert(((*scope).clone(), (*value).clone()), found.1);
            }
        }
        plan.owners = owners;
        Ok(())
    }

    /// The rows of a query whose one parameter is an array.
    async fn rows<T: serde::Serialize>(
        &mut self,
        query: &'static str,
        parameters: &[T],
    ) -> Result<Vec<SqliteRow>, LogError> {
        if parameters.is_empty() {
            return Ok(Vec::new());
        }
        let parameters = serde_json::to_string(parameters)
            .map_err(|error| LogError::storage("look up a batch", error))?;
        sqlx::query(query)
            .bind(parameters)
            .fetch_all(&mut self.connection)
            .await
            .map_err(|error| storage(&self.shared.path, "look up a batch", error))
    }

    fn decode<T>(
        &self,
        row: &SqliteRow,
        decode: impl FnOnce(&SqliteRow) -> sqlx::Result<T>,
    ) -> Result<T, LogError> {
        decode(row).map_err(|error| storage(&self.shared.path, "look up a batch", error))
    }
}

fn index<T>(items: &[T], key: i64) -> Option<&T> {
    items.get(usize::try_from(key).ok()?)
}
