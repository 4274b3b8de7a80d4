//! What a batch mentions: assumed from memory, or as the database tells it.

use std::{collections::HashSet, error::Error};

use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use crate::{
    Append, CommandEntry, CommandRecord, LogError, Reservation, StreamId, chain::Tail, plan::Plan,
    postgres::failure::damaged, tails::Tails,
};

/// What has to be known to decide on a batch.
pub(super) struct Wanted<'a> {
    commands: Vec<Uuid>,
    streams: Vec<&'a StreamId>,
    reservations: Vec<&'a Reservation>,
    /// Of each stream, whether it is only assumed that it has no events.
    assumed_empty: Vec<bool>,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(appends: &'a [Append]) -> Self {
        let commands = appends.iter().filter_map(|p| p.command);
        let streams = appends.iter().flat_map(|p| &p.streams);
        let streams: HashSet<_> = streams.map(|stream| &stream.stream).collect();
        Self {
            assumed_empty: vec![false; streams.len()],
            commands: commands.map(|command| command.id).collect(),
            streams: streams.into_iter().collect(),
            reservations: appends.iter().flat_map(|p| &p.reservations).collect(),
        }
    }

    pub(super) fn commands(&self) -> &[Uuid] {
        &self.commands
    }

    pub(super) fn streams(&self) -> (Vec<&str>, Vec<&str>) {
        let streams = self.streams.iter();
        streams
            .map(|stream| (stream.aggregate_type.as_ref(), &stream.aggregate_id[..]))
            .unzip()
    }

    pub(super) fn reservations(&self) -> (Vec<&str>, Vec<&str>) {
        let reservations = self.reservations.iter();
        reservations
            .map(|reservation| (&reservation.scope[..], &reservation.value[..]))
            .unzip()
    }

    /// The streams of which it is only assumed that they have no events. Those that the
    /// plan writes to are not among them: it would show.
    pub(super) fn assumed_empty(&self, plan: &Plan) -> (Vec<&str>, Vec<&str>) {
        let streams = self.streams.iter().zip(&self.assumed_empty);
        streams
            .filter(|(stream, empty)| **empty && !plan.tails.contains_key(**stream))
            .map(|(stream, _)| (stream.aggregate_type.as_ref(), &stream.aggregate_id[..]))
            .unzip()
    }

    /// A plan that assumes that everything is new but the streams in memory, whose
    /// tails stand as long as the head does.
    pub(super) fn assume(&mut self, base: u64, tails: &Tails) -> Plan {
        let mut plan = Plan {
            base,
            ..Plan::default()
        };
        for (stream, assumed_empty) in self.streams.iter().zip(&mut self.assumed_empty) {
            if let Some(tail) = tails.get(stream) {
                plan.tails.insert((*stream).clone(), tail);
            } else {
                *assumed_empty = true;
            }
        }
        plan
    }

    /// Reads the database's answer: a plan at the head of the log, with all that was
    /// looked up. None without a head.
    pub(super) fn answer(&mut self, rows: &[PgRow], log: &str) -> Result<Option<Plan>, LogError> {
        self.assumed_empty.fill(false);
        let mut plan = None;
        rows.iter()
            .try_for_each(|row| self.take(row, &mut plan))
            .map_err(|error| damaged(log, format!("a look-up does not decode: {error}")))?;
        Ok(plan)
    }

    /// The head comes first.
    fn take(
        &self,
        row: &PgRow,
        plan: &mut Option<Plan>,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let kind = row.try_get::<i16, _>(0)?;
        let Some(plan) = plan else {
            if kind != 3 {
                return Err(UNASKED.into());
            }
            *plan = Some(Plan {
                base: row.try_get::<i64, _>(2)?.try_into()?,
                ..Plan::default()
            });
            return Ok(());
        };
        let place = usize::try_from(row.try_get::<i64, _>(1)? - 1)?;
        match kind {
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
            2 => {
                let reservation = *self.reservations.get(place).ok_or(UNASKED)?;
                let key = (reservation.scope.clone(), reservation.value.clone());
                plan.owners.insert(key, row.try_get(5)?);
            }
            _ => return Err(UNASKED.into()),
        }
        Ok(())
    }
}

const UNASKED: &str = "an answer to what was not asked";
