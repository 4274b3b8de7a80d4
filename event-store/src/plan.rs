//! Decides a batch of appends against what the log holds, without touching it.
//!
//! An adapter looks up what the batch mentions, fills [`Plan`] with it, adds the
//! appends one by one and writes out what the plan collected, in one transaction.
//! Each append sees those before it; one that fails leaves nothing in the plan.

use std::{
    collections::{HashMap, hash_map::Entry},
    ops::Range,
    sync::Arc,
};

use uuid::Uuid;

use crate::{
    Append, AppendError, CommandEntry, Envelope, PersonalChange, Reservation, StreamId,
    append::Draft, chain::Tail,
};

/// A batch in the making.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Head of the log before the batch.
    pub(crate) base: u64,
    /// Tails of the streams mentioned; a stream that is not here has no events.
    pub(crate) tails: HashMap<StreamId, Tail>,
    /// The commands mentioned that were appended before.
    pub(crate) known: HashMap<Uuid, CommandEntry>,
    /// The owners of values mentioned that are taken.
    pub(crate) owners: HashMap<(String, String), String>,
    /// Events to write.
    pub(crate) rows: Vec<Row>,
    /// Commands to write.
    pub(crate) commands: Vec<CommandEntry>,
    /// Reservations to write.
    pub(crate) reservations: Vec<Reservation>,
    /// Keys to write and to destroy; each comes with an event. Names that an erasure
    /// frees are free for the batches after this one.
    pub(crate) personal: Vec<PersonalChange>,
}

/// An event to write, with what was computed on the way.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) envelope: Arc<Envelope>,
    pub(crate) payload: Arc<str>,
    pub(crate) metadata: Arc<str>,
    pub(crate) hash: [u8; 32],
}

/// What becomes of an append once the batch is committed.
#[derive(Debug)]
pub(crate) enum Planned {
    /// Its events are these rows.
    Fresh { rows: Range<usize>, last: u64 },
    /// It is a repeat of this command.
    Duplicate(CommandEntry),
}

impl Plan {
    /// Position that the last event so far takes.
    pub(crate) fn head(&self) -> u64 {
        self.base + self.rows.len() as u64
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.commands.is_empty() && self.reservations.is_empty()
    }

    /// Adds appends, each with its drafts; says of each what becomes of it, or why it
    /// cannot happen.
    pub(crate) fn add_all(
        &mut self,
        appends: &[Append],
        drafts: &mut [Vec<Vec<Draft>>],
    ) -> Vec<Result<Planned, AppendError>> {
        let appends = appends.iter().zip(drafts);
        appends
            .map(|(append, drafts)| self.add(append, drafts))
            .collect()
    }

    fn add(&mut self, append: &Append, drafts: &mut [Vec<Draft>]) -> Result<Planned, AppendError> {
        if let Some(command) = append.command
            && let Some(entry) = self.known.get(&command.id)
        {
            return if entry.record == command {
                Ok(Planned::Duplicate(*entry))
            } else {
                Err(AppendError::CommandReused { id: command.id })
            };
        }
        for stream in &append.streams {
            let actual = self.tail(&stream.stream).version;
            if !stream.expected.admits(actual) {
                return Err(AppendError::Conflict {
                    stream: stream.stream.clone(),
                    expected: stream.expected,
                    actual,
                });
            }
        }
        // Last of the checks, since it takes the values as it goes.
        self.reserve(&append.reservations)?;
        Ok(self.apply(append, drafts))
    }

    fn tail(&self, stream: &StreamId) -> Tail {
        self.tails.get(stream).copied().unwrap_or_default()
    }

    fn reserve(&mut self, reservations: &[Reservation]) -> Result<(), AppendError> {
        let before = self.reservations.len();
        for reservation in reservations {
            let key = (reservation.scope.clone(), reservation.value.clone());
            match self.owners.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(reservation.owner.clone());
                    self.reservations.push(reservation.clone());
                }
                Entry::Occupied(entry) if *entry.get() == reservation.owner => {}
                Entry::Occupied(_) => {
                    for taken in self.reservations.drain(before..) {
                        self.owners.remove(&(taken.scope, taken.value));
                    }
                    return Err(AppendError::Taken {
                        scope: reservation.scope.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    fn apply(&mut self, append: &Append, drafts: &mut [Vec<Draft>]) -> Planned {
        let first_row = self.rows.len();
        let first_position = self.head() + 1;
        for (stream, drafts) in append.streams.iter().zip(drafts) {
            let mut tail = self.tail(&stream.stream);
            for draft in drafts {
                let position = self.head() + 1;
                let version = tail.version + 1;
                // Nobody else has it, unless a plan before this one is still there.
                let envelope = Arc::make_mut(&mut draft.envelope);
                envelope.position = position;
                envelope.version = version;
                envelope.previous_hash = tail.hash;
                let hash = draft.hash.finish(position, version, &tail.hash);
                tail = Tail { version, hash };
                self.rows.push(Row {
                    envelope: draft.envelope.clone(),
                    payload: draft.payload.clone(),
                    metadata: draft.metadata.clone(),
                    hash,
                });
            }
            if tail.version > 0 {
                self.tails.insert(stream.stream.clone(), tail);
            }
        }
        self.personal.extend(append.personal.clone());
        let last = self.head();
        if let Some(record) = append.command {
            let entry = CommandEntry {
                record,
                first_position,
                last_position: last,
            };
            self.known.insert(record.id, entry);
            self.commands.push(entry);
        }
        Planned::Fresh {
            rows: first_row..self.rows.len(),
            last,
        }
    }
}
