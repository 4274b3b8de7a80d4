//! Looks for events from any position, back or forward, for those who page through
//! the log and pick some.

use std::sync::Arc;

use countersign_domain::decider::Decider as _;
use countersign_domain::session::Session;
use countersign_event_store::{Envelope, EventFilter, Owner, StreamId};

use crate::api::{ReadApi, beyond_head};
use crate::problem::Problem;
use crate::visibility::{Viewer, visible};

/// How many positions are looked at for one answer.
const MOST: u64 = 10_000;

/// How many of them at once, when not all events are wanted.
const WINDOW: u64 = 1000;

/// More events than a session can have.
const SESSION: usize = 10_000;

/// Where to begin.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    /// At the newest event, and back.
    Newest,
    /// At a position, and back.
    From(u64),
    /// After a position, and forward.
    After(u64),
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Events, the newest first.
    pub(crate) events: Vec<Arc<Envelope>>,
    pub(crate) head: u64,
    /// The position at which older ones begin, if there may be any.
    pub(crate) older: Option<u64>,
    /// The position after which newer ones begin, if there may be any.
    pub(crate) newer: Option<u64>,
    /// The first and the last position that were looked at.
    pub(crate) looked: Option<(u64, u64)>,
}

/// Who looks for what.
pub(crate) struct Browser<'a> {
    pub(crate) api: &'a ReadApi,
    pub(crate) viewer: &'a dyn Viewer,
    pub(crate) filter: &'a EventFilter,
    /// How many events to find.
    pub(crate) rows: usize,
}

impl Browser<'_> {
    /// Finds events.
    ///
    /// # Errors
    /// A position that no event has, or a log that cannot be read.
    pub(crate) async fn browse(&self, start: Start) -> Result<Found, Problem> {
        let head = self.api.log.head().await?;
        match start {
            Start::From(from) if from > head => return Err(beyond_head("from", from, head)),
            Start::After(after) if after > head => return Err(beyond_head("after", after, head)),
            _ => {}
        }
        let mut found = match (&self.filter.sessions[..], start) {
            ([session], _) => {
                let stream = StreamId::new(Session::TYPE, session);
                let all = self.api.log.read_stream(&stream, 0, SESSION).await?;
                self.among(self.fitting(all).await?, start)
            }
            (_, Start::After(after)) => self.forward(after, head).await?,
            (_, Start::From(from)) => self.back(from).await?,
            (_, Start::Newest) => self.back(head).await?,
        };
        found.head = head;
        if let Start::From(from) = start {
            found.newer = (from < head).then_some(from);
        }
        Ok(found)
    }

    async fn back(&self, from: u64) -> Result<Found, Problem> {
        let mut events = vec![];
        // The last position that was not looked at.
        let mut left = from;
        while left > 0 && events.len() < self.rows && from - left < MOST {
            let after = left.saturating_sub(self.window());
            let page = self.read(after, left - after).await?;
            left = after;
            for event in page.into_iter().rev() {
                if events.len() == self.rows {
                    left = event.position;
                    break;
                }
                events.push(event);
            }
        }
        Ok(Found {
            events,
            older: (left > 0).then_some(left),
            looked: self.looked(left + 1, from),
            ..Found::default()
        })
    }

    async fn forward(&self, after: u64, head: u64) -> Result<Found, Problem> {
        let mut events = vec![];
        let mut done = after;
        while done < head && events.len() < self.rows && done - after < MOST {
            let until = head.min(done + self.window());
            let page = self.read(done, until - done).await?;
            done = until;
            for event in page {
                if events.len() == self.rows {
                    done = event.position - 1;
                    break;
                }
                events.push(event);
            }
        }
        events.reverse();
        Ok(Found {
            events,
            older: (after > 0).then_some(after),
            newer: (done < head).then_some(done),
            looked: self.looked(after + 1, done),
            ..Found::default()
        })
    }

    /// The part of all events that fit.
    fn among(&self, mut all: Vec<Arc<Envelope>>, start: Start) -> Found {
        let mut found = Found::default();
        match start {
            Start::After(after) => {
                all.retain(|event| event.position > after);
                let more = all.len() > self.rows;
                all.truncate(self.rows);
                found.newer = all.last().filter(|_| more).map(|last| last.position);
                found.older = (after > 0).then_some(after);
            }
            Start::Newest | Start::From(_) => {
                if let Start::From(from) = start {
                    all.retain(|event| event.position <= from);
                }
                let cut = all.len().saturating_sub(self.rows);
                found.older = cut.checked_sub(1).map(|last| all[last].position);
                all.drain(..cut);
            }
        }
        all.reverse();
        found.events = all;
        found
    }

    async fn read(&self, after: u64, count: u64) -> Result<Vec<Arc<Envelope>>, Problem> {
        let limit = usize::try_from(count).unwrap_or(usize::MAX);
        let page = self.api.log.read_all(after, limit).await?;
        self.fitting(page).await
    }

    /// Those that are wanted and may be seen.
    async fn fitting(&self, events: Vec<Arc<Envelope>>) -> Result<Vec<Arc<Envelope>>, Problem> {
        let mut events = visible(self.viewer, &self.api.owners, events).await?;
        if !self.filter.types.is_empty() {
            events.retain(|event| self.filter.types.contains(&event.event_type));
        }
        if !self.filter.asks_for_owner() {
            return Ok(events);
        }
        let mut fitting = vec![];
        for event in events {
            let owner: Owner = self.api.owners.of(&event).await?;
            if self.filter.takes(&event.event_type, &owner) {
                fitting.push(event);
            }
        }
        Ok(fitting)
    }

    fn window(&self) -> u64 {
        if self.filter.is_empty() && self.viewer.sees_all() {
            self.rows as u64
        } else {
            WINDOW
        }
    }

    fn looked(&self, first: u64, last: u64) -> Option<(u64, u64)> {
        let some = !self.filter.is_empty() && first <= last;
        some.then_some((first, last))
    }
}
