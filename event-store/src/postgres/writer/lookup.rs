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

/// What the database said.
pub(super) struct Answer {
    /// Whether the batch was written.
    pub(super) written: bool,
    /// If not: a plan at the head of the log, with all that was looked up.
    pub(super) plan: Plan,
}

impl Answer {
    pub(super) fn written() -> Self {
        Self {
            written: true,
            plan: Plan::default(),
        }
    }
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

    /// Of each stream, whether it is only assumed that it has no events, and the plan
    /// writes none, which would show.
    pub(super) fn assumed_empty(&self, plan: Option<&Plan>) -> Vec<bool> {
        let written = |stream| plan.is_some_and(|plan| plan.tails.contains_key(stream));
        let streams = self.streams.iter().zip(&self.assumed_empty);
        streams
            .map(|(stream, empty)| *empty && !written(*stream))
            .collect()
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

    /// Reads the database's answer; none without a head.
    pub(super) fn answer(&mut self, rows: &[PgRow], log: &str) -> Result<Option<Answer>, LogError> {
        self.assumed_empty.fill(false);
        let mut answer = None;
        rows.iter()
            .try_for_each(|row| self.take(row, &mut answer))
            .map_err(|error| damaged(log, format!("a look-up does not decode: {error}")))?;
        Ok(answer)
    }

    /// The head comes first.
    fn take(
        &self,
        row: &PgRow,
        answer: &mut Option<Answer>,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let kind = row.try_get::<i16, _>(0)?;
        let Some(Answer { plan, .. }) = answer else {
            let base = row.try_get::<i64, _>(2)?.try_into()?;
            *answer = Some(Answer {
                written: row.try_get::<i64, _>(3)? == 1,
                plan: Plan {
                    base,
                    ..Plan::default()
                },
            });
            return if kind == 3 {
                Ok(())
            } else {
                Err(UNASKED.into())
            };
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
