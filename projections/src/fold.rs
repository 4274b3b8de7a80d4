//! A run of events folded into the changes of one projection.
//!
//! It goes in steps, so that a store is asked once a run and not once an event:
//! [`wanted`] tells which rows the decoded events need, the store loads them, [`fold`]
//! makes the changes.

mod batch;
mod rows;

use std::collections::HashSet;

use countersign_event_store::{DecodeError, Decoded, DecodedEvent, Recorded, StreamId};

pub(crate) use batch::batch;
pub use rows::{Loaded, Wanted};

use crate::parties::PartyRows;
use crate::store::Row as _;
use crate::{Change, Projection, SkippedEvent, accounts, keys, parties, sessions, timeline};

/// What a run of events does to a projection.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    pub(crate) changes: Vec<Change>,
    pub(crate) parked: Vec<SkippedEvent>,
}

impl Folded {
    /// Adds the streams that are parked from here on.
    pub(crate) fn add_parked(&self, parked: &mut Parked) {
        parked.extend(self.parked.iter().map(|event| event.stream.clone()));
    }
}

/// The streams that a projection does not follow any more.
pub(crate) type Parked = HashSet<StreamId>;

/// The events that a projection folds; those of parked streams are not.
fn concerned<'a>(
    projection: Projection,
    events: &'a [DecodedEvent],
    parked: &'a Parked,
) -> impl Iterator<Item = &'a DecodedEvent> {
    events.iter().filter(move |event| {
        let stream = &event.recorded.stream;
        projection.concerns(stream) && (parked.is_empty() || !parked.contains(stream))
    })
}

/// The rows that the events need, as far as they can exist already. Each of them is
/// among the changes afterwards.
pub(crate) fn wanted(projection: Projection, events: &[DecodedEvent], parked: &Parked) -> Wanted {
    let mut wanted = Wanted::default();
    // Only the first event of a stream within the run tells whether it is new.
    let mut seen = HashSet::new();
    let mut parks = HashSet::new();
    for event in concerned(projection, events, parked) {
        let stream = &event.recorded.stream;
        if !parks.is_empty() && parks.contains(stream) {
            continue;
        }
        let Ok(decoded) = &event.decoded else {
            parks.insert(stream);
            continue;
        };
        let mut is_old = |id: uuid::Uuid| seen.insert(id) && event.recorded.version > 1;
        match (projection, decoded) {
            (Projection::Accounts, Decoded::Account(id, _)) if is_old(id.0) => {
                wanted.accounts.push(*id);
            }
            (Projection::Keys, Decoded::Key(id, _)) if is_old(id.0) => wanted.keys.push(*id),
            (Projection::Sessions, Decoded::Session(id, _)) if is_old(id.0) => {
                wanted.sessions.push(*id);
            }
            (Projection::Parties, Decoded::Session(id, event)) => {
                if is_old(id.0) {
                    wanted.running.push(*id);
                }
                for party in parties::named(event) {
                    if !wanted.parties.contains(party) {
                        wanted.parties.push(party.clone());
                    }
                }
            }
            _ => {}
        }
    }
    wanted
}

/// The changes that the events make. `loaded` has what was wanted.
pub(crate) fn fold(
    projection: Projection,
    events: &[DecodedEvent],
    loaded: Loaded,
    parked: &Parked,
) -> Folded {
    let mut rows = rows::Touched::new(loaded);
    let (mut bad, mut parks) = (vec![], HashSet::new());
    for event in concerned(projection, events, parked) {
        let recorded = &event.recorded;
        if !parks.is_empty() && parks.contains(&recorded.stream) {
            continue;
        }
        match &event.decoded {
            Ok(decoded) => rows.take(projection, recorded, decoded),
            Err(error) => {
                parks.insert(&recorded.stream);
                bad.push(park(projection, recorded, error));
            }
        }
    }
    Folded {
        changes: rows.into_changes(),
        parked: bad,
    }
}

fn park(projection: Projection, recorded: &Recorded, error: &DecodeError) -> SkippedEvent {
    tracing::error!(
        %error,
        %projection,
        position = recorded.position,
        stream = %recorded.stream,
        event_type = recorded.event_type,
        event_version = recorded.event_version,
        "a stream is parked: its read models stay as they were before this event"
    );
    SkippedEvent {
        position: recorded.position,
        stream: recorded.stream.clone(),
        event_type: recorded.event_type.clone(),
        event_version: recorded.event_version,
        recorded_at: recorded.recorded_at,
        reason: error.to_string(),
    }
}

impl rows::Touched {
    fn take(&mut self, projection: Projection, recorded: &Recorded, decoded: &Decoded) {
        match (projection, decoded) {
            (Projection::Accounts, Decoded::Account(id, event)) => {
                accounts::apply(self.accounts.row(*id), *id, recorded, event);
            }
            (Projection::Keys, Decoded::Key(id, event)) => {
                keys::apply(self.keys.row(*id), *id, recorded, event);
            }
            (Projection::Sessions, Decoded::Session(id, event)) => {
                sessions::apply(self.sessions.row(*id), *id, recorded, event);
            }
            (Projection::Parties, Decoded::Session(id, event)) => {
                let was_running = self.parties.running.contains_key(id);
                parties::apply(&mut self.parties, *id, recorded, event);
                let runs = self.parties.running.contains_key(id);
                if was_running || runs {
                    self.running_touched.insert(*id);
                }
            }
            (Projection::Timeline, Decoded::Session(id, event)) => {
                let entry = timeline::entry(recorded, event);
                self.timeline.entry(*id).or_default().push(entry);
            }
            _ => {}
        }
    }

    /// In the order of creation, which the stores' indexes are in.
    fn into_changes(self) -> Vec<Change> {
        let PartyRows {
            parties,
            mut running,
        } = self.parties;
        let mut accounts: Vec<_> = self.accounts.changed().collect();
        accounts.sort_by_key(|row| row.created_position());
        let mut keys: Vec<_> = self.keys.changed().collect();
        keys.sort_by_key(|row| row.created_position());
        let mut sessions: Vec<_> = self.sessions.changed().collect();
        sessions.sort_by_key(|row| row.created_position());
        let mut timeline: Vec<_> = self.timeline.into_iter().collect();
        timeline.sort_by_key(|(_, entries)| entries.first().map(|entry| entry.position));

        let parties = parties.into_values().map(Box::new);
        let running = self.running_touched.into_iter().map(|id| {
            let signers = running.remove(&id);
            Change::SetRunning(id, signers)
        });
        (accounts.into_iter().map(Change::UpsertAccount))
            .chain(keys.into_iter().map(Change::UpsertKey))
            .chain(sessions.into_iter().map(Change::UpsertSession))
            .chain(parties.map(Change::UpsertParty))
            .chain(running)
            .chain(
                timeline
                    .into_iter()
                    .map(|(id, entries)| Change::ExtendTimeline(id, entries)),
            )
            .collect()
    }
}
