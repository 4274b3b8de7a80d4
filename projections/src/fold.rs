//! A run of events folded into the changes of one projection.
//!
//! It goes in steps, so that a store is asked once a run and not once an event:
//! [`decode`] the events, [`wanted`] tells which rows they need, the store loads
//! them, [`fold`] makes the changes.

mod rows;

use std::collections::HashSet;
use std::sync::Arc;

use countersign_event_store::{DecodeError, Decoded, Decoder, Envelope, StreamId};

pub use rows::{Loaded, Wanted};

use crate::parties::PartyRows;
use crate::store::Row as _;
use crate::{Change, Projection, SkippedEvent, accounts, keys, parties, sessions, timeline};

/// An event and what it says. The envelope may have lost its payload.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) envelope: Arc<Envelope>,
    pub(crate) decoded: Result<Decoded, DecodeError>,
}

/// What a run of events does to a projection.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    pub(crate) changes: Vec<Change>,
    pub(crate) parked: Vec<SkippedEvent>,
}

/// The streams that a projection does not follow any more.
pub(crate) type Parked = HashSet<StreamId>;

/// Decodes events. What was decoded is not kept twice.
pub(crate) fn decode(decoder: &Decoder, envelopes: Vec<Arc<Envelope>>) -> Vec<Event> {
    let event = |mut envelope: Arc<Envelope>| {
        let decoded = decoder.decode(&envelope);
        if let Some(envelope) = Arc::get_mut(&mut envelope) {
            envelope.payload = serde_json::Value::Null;
        }
        Event { envelope, decoded }
    };
    envelopes.into_iter().map(event).collect()
}

/// The events that a projection folds; those of parked streams are not.
fn concerned<'a>(
    projection: Projection,
    events: &'a [Event],
    parked: &'a Parked,
) -> impl Iterator<Item = &'a Event> {
    events.iter().filter(move |event| {
        let stream = &event.envelope.stream;
        projection.concerns(stream) && (parked.is_empty() || !parked.contains(stream))
    })
}

/// The rows that the events need, as far as they can exist already.
pub(crate) fn wanted(projection: Projection, events: &[Event], parked: &Parked) -> Wanted {
    let mut wanted = Wanted::default();
    // Only the first event of a stream within the run tells whether it is new.
    let mut seen = HashSet::new();
    for event in concerned(projection, events, parked) {
        let Ok(decoded) = &event.decoded else {
            continue;
        };
        let mut is_old = |id: uuid::Uuid| seen.insert(id) && event.envelope.version > 1;
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

/// The changes that the events make. `loaded` has what was wanted, and `parked`
/// takes the streams that are parked from here on.
pub(crate) fn fold(
    projection: Projection,
    events: &[Event],
    loaded: Loaded,
    parked: &mut Parked,
) -> Folded {
    let mut rows = rows::Touched::new(loaded);
    let mut bad = vec![];
    for event in events {
        let envelope = &*event.envelope;
        let stream = &envelope.stream;
        if !projection.concerns(stream) || (!parked.is_empty() && parked.contains(stream)) {
            continue;
        }
        match &event.decoded {
            Ok(decoded) => rows.take(projection, envelope, decoded),
            Err(error) => {
                parked.insert(stream.clone());
                bad.push(park(projection, envelope, error));
            }
        }
    }
    Folded {
        changes: rows.into_changes(),
        parked: bad,
    }
}

fn park(projection: Projection, envelope: &Envelope, error: &DecodeError) -> SkippedEvent {
    tracing::error!(
        %error,
        %projection,
        position = envelope.position,
        stream = %envelope.stream,
        event_type = envelope.event_type,
        event_version = envelope.event_version,
        "a stream is parked: its read models stay as they were before this event"
    );
    SkippedEvent {
        position: envelope.position,
        stream: envelope.stream.clone(),
        event_type: envelope.event_type.clone(),
        event_version: envelope.event_version,
        recorded_at: envelope.recorded_at,
        reason: error.to_string(),
    }
}

impl rows::Touched {
    fn take(&mut self, projection: Projection, envelope: &Envelope, decoded: &Decoded) {
        match (projection, decoded) {
            (Projection::Accounts, Decoded::Account(id, event)) => {
                let row = accounts::apply(self.accounts.take(id), *id, envelope, event);
                self.accounts.put(*id, row);
            }
            (Projection::Keys, Decoded::Key(id, event)) => {
                let row = keys::apply(self.keys.take(id), *id, envelope, event);
                self.keys.put(*id, row);
            }
            (Projection::Sessions, Decoded::Session(id, event)) => {
                let row = sessions::apply(self.sessions.take(id), *id, envelope, event);
                self.sessions.put(*id, row);
            }
            (Projection::Parties, Decoded::Session(id, event)) => {
                let was_running = self.parties.running.contains_key(id);
                parties::apply(&mut self.parties, *id, envelope, event);
                let runs = self.parties.running.contains_key(id);
                if was_running || runs {
                    self.running_touched.insert(*id);
                }
            }
            (Projection::Timeline, Decoded::Session(id, event)) => {
                let entry = timeline::entry(envelope, event);
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
        accounts.sort_by_key(accounts::AccountRow::created_position);
        let mut keys: Vec<_> = self.keys.changed().collect();
        keys.sort_by_key(keys::KeyRow::created_position);
        let mut sessions: Vec<_> = self.sessions.changed().collect();
        sessions.sort_by_key(sessions::SessionRow::created_position);
        let mut timeline: Vec<_> = self.timeline.into_iter().collect();
        timeline.sort_by_key(|(_, entries)| entries.first().map(|entry| entry.position));

        let accounts = accounts.into_iter().map(Box::new);
        let keys = keys.into_iter().map(Box::new);
        let sessions = sessions.into_iter().map(Box::new);
        let parties = parties.into_values().map(Box::new);
        let running = self.running_touched.into_iter().map(|id| {
            let signers = running.remove(&id);
            Change::SetRunning(id, signers)
        });
        (accounts.map(Change::UpsertAccount))
            .chain(keys.map(Change::UpsertKey))
            .chain(sessions.map(Change::UpsertSession))
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
