//! Looks up what a batch mentions, in one statement.

use std::{collections::HashSet, error::Error};

use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{
    CommandEntry, CommandRecord, LogError, Reservation, StreamId, append::Prepared, chain::Tail,
    plan::Plan, postgres::failure::damaged, tails::Tails,
};

/// Rows of three kinds, each with the place in its array of what it is about. Each
/// thing is looked up on its own, so that no plan ever reads a table from end to end.
const LOOK_UP: &str = "\
    SELECT 0::int2, c.place, k.first_position, k.last_position, k.fingerprint, NULL \
    FROM unnest($1::uuid[]) WITH ORDINALITY AS c (id, place) \
    CROSS JOIN LATERAL (SELECT * FROM commands WHERE id = c.id LIMIT 1) AS k \
    UNION ALL \
    SELECT 1::int2, s.place, e.sequence, NULL, e.hash, NULL \
    FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS s (kind, id, place) \
    CROSS JOIN LATERAL (SELECT sequence, hash FROM events \
        WHERE aggregate_type = s.kind AND aggregate_id = s.id \
        ORDER BY sequence DESC LIMIT 1) AS e \
    UNION ALL \
    SELECT 2::int2, v.place, NULL, NULL, NULL, r.owner \
    FROM unnest($4::text[], $5::text[]) WITH ORDINALITY AS v (scope, value, place) \
    CROSS JOIN LATERAL (SELECT owner FROM reservations \
        WHERE scope = v.scope AND value = v.value LIMIT 1) AS r";

/// What has to be looked up.
pub(super) struct Wanted<'a> {
    commands: Vec<Uuid>,
    streams: Vec<&'a StreamId>,
    reservations: Vec<&'a Reservation>,
}

impl<'a> Wanted<'a> {
    /// All that the appends mention, but for the tails that are known, which go into
    /// the plan.
    pub(super) fn new(appends: &'a [Prepared], tails: &Tails, plan: &mut Plan) -> Self {
        let commands = appends.iter().filter_map(|p| p.append.command);
        let mut missing = HashSet::new();
        for stream in appends.iter().flat_map(|p| &p.append.streams) {
            if let Some(tail) = tails.get(&stream.stream) {
                plan.tails.insert(stream.stream.clone(), tail);
            } else {
                missing.insert(&stream.stream);
            }
        }
        Self {
            commands: commands.map(|command| command.id).collect(),
            streams: missing.into_iter().collect(),
            reservations: appends
                .iter()
                .flat_map(|p| &p.append.reservations)
                .collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.streams.is_empty() && self.reservations.is_empty()
    }

    pub(super) async fn fetch(&self, connection: &mut PgConnection) -> sqlx::Result<Vec<PgRow>> {
        let streams = self.streams.iter();
        let (kinds, names): (Vec<&str>, Vec<&str>) = streams
            .map(|stream| (stream.aggregate_type.as_ref(), &stream.aggregate_id[..]))
            .unzip();
        let reservations = self.reservations.iter();
        let (scopes, values): (Vec<&str>, Vec<&str>) = reservations
            .map(|reservation| (&reservation.scope[..], &reservation.value[..]))
            .unzip();
        sqlx::query(LOOK_UP)
            .bind(&self.commands)
            .bind(kinds)
            .bind(names)
            .bind(scopes)
            .bind(values)
            .fetch_all(connection)
            .await
    }

    /// Puts what was found into the plan.
    pub(super) fn fill(&self, rows: &[PgRow], log: &str, plan: &mut Plan) -> Result<(), LogError> {
        rows.iter()
            .try_for_each(|row| self.take(row, plan))
            .map_err(|error| damaged(log, format!("a look-up does not decode: {error}")))
    }

    fn take(&self, row: &PgRow, plan: &mut Plan) -> Result<(), Box<dyn Error + Send + Sync>> {
        let place = usize::try_from(row.try_get::<i64, _>(1)? - 1)?;
        match row.try_get::<i16, _>(0)? {
            0 => {
                let id = *self.commands.get(place).ok_or(UNASKED)?;
                let entry = CommandEntry {
                    record: CommandRecord {
                        id,
                        fingerprint: row.try_get::<&[u8], _>(4)?.try_into()?,
                    },
                    first_position: row.try_get::<i64, _>(2)?.try_into()?,
                    last_position: row.try_get::<i64, _>(3)?.try_into()?,
                };
                plan.known.insert(id, entry);
            }
            1 => {
                let stream = *self.streams.get(place).ok_or(UNASKED)?;
                let tail = Tail {
                    version: row.try_get::<i64, _>(2)?.try_into()?,
                    hash: row.try_get::<&[u8], _>(4)?.try_into()?,
                };
                plan.tails.insert(stream.clone(), tail);
            }
            _ => {
                let reservation = *self.reservations.get(place).ok_or(UNASKED)?;
                let key = (reservation.scope.clone(), reservation.value.clone());
                plan.owners.insert(key, row.try_get(5)?);
            }
        }
        Ok(())
    }
}

const UNASKED: &str = "an answer to what was not asked";
