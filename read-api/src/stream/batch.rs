//! Events as they go out, written down once for all who listen.

use std::sync::Arc;

use bytes::Bytes;
use countersign_event_store::{Envelope, EventFilter, Owner, Recorded};

use crate::visibility::Viewer;

/// How many bytes of events go together.
pub(super) const CHUNK: usize = 64 * 1024;

/// Events that follow one another.
#[derive(Debug)]
pub(super) struct Batch {
    frames: Bytes,
    events: Vec<Framed>,
}

#[derive(Debug)]
struct Framed {
    recorded: Recorded,
    owner: Owner,
    /// Where its bytes end.
    end: usize,
}

/// What a client gets of a batch.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) bytes: Bytes,
    /// How many events there are in it.
    pub(super) events: u64,
    /// Position of the last of them.
    pub(super) told: u64,
}

/// What a client wants and may see.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) filter: EventFilter,
    pub(super) viewer: Arc<dyn Viewer>,
}

impl Choice {
    /// Whether it is every event.
    pub(super) fn is_all(&self) -> bool {
        self.filter.is_empty() && self.viewer.sees_all()
    }

    /// Whether owners decide it.
    pub(super) fn asks_for_owner(&self) -> bool {
        self.filter.asks_for_owner() || !self.viewer.sees_all()
    }

    pub(super) fn takes(&self, recorded: &Recorded, owner: &Owner) -> bool {
        self.filter.takes(&recorded.event_type, owner)
            && (self.viewer.sees_all() || self.viewer.sees(recorded, owner))
    }
}

impl Batch {
    /// Writes events down, in as many batches as they need.
    pub(super) fn write(
        events: impl IntoIterator<Item = (Arc<Envelope>, Owner)>,
    ) -> Result<Vec<Self>, serde_json::Error> {
        let mut batches = vec![];
        let mut frames = vec![];
        let mut framed = vec![];
        for (event, owner) in events {
            frame(&mut frames, &event)?;
            framed.push(Framed {
                recorded: event.recorded(),
                owner,
                end: frames.len(),
            });
            if frames.len() >= CHUNK {
                batches.push(Self {
                    frames: std::mem::take(&mut frames).into(),
                    events: std::mem::take(&mut framed),
                });
            }
        }
        if !framed.is_empty() {
            batches.push(Self {
                frames: frames.into(),
                events: framed,
            });
        }
        Ok(batches)
    }

    /// Position of its last event.
    pub(super) fn last(&self) -> u64 {
        self.events
            .last()
            .map_or(0, |event| event.recorded.position)
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// What is chosen of the events after a position. All of them cost nothing; some
    /// are copied, so that nobody who is slow to take a few holds on to all.
    pub(super) fn take(&self, after: u64, choice: &Choice) -> Taken {
        let seen = |event: &Framed| event.recorded.position <= after;
        let skipped = self.events.partition_point(seen);
        let begin = |place: usize| match place.checked_sub(1) {
            Some(before) => self.events[before].end,
            None => 0,
        };
        if choice.is_all() {
            return Taken {
                bytes: self.frames.slice(begin(skipped)..),
                events: (self.events.len() - skipped) as u64,
                told: self.last(),
            };
        }
        let mut bytes = vec![];
        let mut taken = Taken::default();
        for (place, event) in self.events.iter().enumerate().skip(skipped) {
            if choice.takes(&event.recorded, &event.owner) {
                bytes.extend_from_slice(&self.frames[begin(place)..event.end]);
                taken.events += 1;
                taken.told = event.recorded.position;
            }
        }
        taken.bytes = bytes.into();
        taken
    }
}

/// Writes an event as a message of an event stream (WHATWG HTML, 9.2.6). JSON has no
/// line ends of its own.
pub(super) fn frame(out: &mut Vec<u8>, event: &Envelope) -> Result<(), serde_json::Error> {
    out.extend_from_slice(b"id: ");
    out.extend_from_slice(event.position.to_string().as_bytes());
    out.extend_from_slice(b"\ndata: ");
    serde_json::to_writer(&mut *out, event)?;
    out.extend_from_slice(b"\n\n");
    Ok(())
}

/// Tells a position that no event was sent of.
pub(super) fn marker(position: u64) -> Bytes {
    format!("id: {position}\nevent: position\ndata: {{\"position\":{position}}}\n\n").into()
}
