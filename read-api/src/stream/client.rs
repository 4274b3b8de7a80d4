//! One who listens: a position, and what to send of what comes after it.

use std::convert::Infallible;

use bytes::Bytes;
use countersign_event_store::{LogError, Owner};
use futures::Stream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::batch::{CHUNK, Choice, Taken, frame, marker};
use super::hub::Seat;
use super::ring::{Change, Next};
use crate::metrics;

/// How many events are read of the log at once.
const PAGE: usize = 128;

/// When a client is to come back after its stream ended, in milliseconds.
const RETRY: u64 = 1000;

pub(super) struct Client {
    seat: Seat,
    choice: Choice,
    changes: watch::Receiver<Change>,
    /// Position up to which everything was sent or is not wanted.
    position: u64,
    /// Position that the client knows.
    told: u64,
    /// When it hears something in any case.
    due: Instant,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Has heard nothing yet.
    New,
    /// Reads what was there before.
    CatchingUp,
    /// Is where the follower is, or a little behind.
    Live,
    Over,
}

/// Why a stream ends; the client comes back with the position it is at.
#[derive(Debug, Clone, Copy)]
enum End {
    Shutdown,
    Unavailable,
}

impl Client {
    pub(super) fn new(seat: Seat, choice: Choice, after: u64) -> Self {
        let due = Instant::now() + seat.hub.settings.heartbeat;
        Self {
            changes: seat.ring.changes(),
            seat,
            choice,
            position: after,
            told: after,
            due,
            state: State::New,
        }
    }

    /// What goes out to the client, as fast as it takes it.
    pub(super) fn stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        futures::stream::unfold(self, |mut client| async {
            let bytes = client.next().await?;
            Some((Ok(bytes), client))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        match self.state {
            State::Over => return None,
            State::New => {
                self.state = State::CatchingUp;
                let first = marker(self.position);
                let retry = format!("retry: {RETRY}\n\n").into_bytes();
                return Some([&retry[..], &first].concat().into());
            }
            State::CatchingUp | State::Live => {}
        }
        loop {
            if self.seat.hub.settings.stop.is_cancelled()
                || *self.changes.borrow_and_update() == Change::Closed
            {
                return Some(self.end(End::Shutdown));
            }
            if Instant::now() >= self.due {
                return Some(self.heartbeat());
            }
            let taken = match self.seat.ring.next(self.position) {
                Next::Batch(batch) => {
                    self.state = State::Live;
                    let taken = batch.take(self.position, &self.choice);
                    self.position = batch.last();
                    taken
                }
                Next::Later => {
                    self.state = State::Live;
                    self.wait().await;
                    continue;
                }
                Next::Behind => {
                    if self.state == State::Live {
                        self.state = State::CatchingUp;
                        metrics::stream_lagged();
                    }
                    match self.read().await {
                        Ok(Some(taken)) => taken,
                        Ok(None) => {
                            self.wait().await;
                            continue;
                        }
                        Err(_) => return Some(self.end(End::Unavailable)),
                    }
                }
            };
            if taken.events > 0 {
                self.told = taken.told;
                self.due = Instant::now() + self.seat.hub.settings.heartbeat;
                metrics::stream_sent(taken.events);
                return Some(taken.bytes);
            }
        }
    }

    /// Takes what comes next of the log itself; none when nothing does.
    async fn read(&mut self) -> Result<Option<Taken>, LogError> {
        let hub = &self.seat.hub;
        let page = {
            // Nobody closes it.
            let _turn = hub.pages.acquire().await;
            hub.log.read_all(self.position, PAGE).await?
        };
        if page.is_empty() {
            return Ok(None);
        }
        let mut bytes = vec![];
        let mut taken = Taken::default();
        for event in page {
            let owner = if self.choice.asks_for_owner() {
                hub.owners.of(&event).await?
            } else {
                Owner::default()
            };
            if self.choice.takes(&event.recorded(), &owner) {
                frame(&mut bytes, &event).map_err(|e| LogError::storage("write an event", e))?;
                taken.events += 1;
                taken.told = event.position;
            }
            self.position = event.position;
            if bytes.len() >= CHUNK {
                break;
            }
        }
        taken.bytes = bytes.into();
        Ok(Some(taken))
    }

    /// Until something has come, or is due.
    async fn wait(&mut self) {
        let stop = &self.seat.hub.settings.stop;
        tokio::select! {
            // The ring is held on to, and so is its sender.
            _ = self.changes.changed() => {}
            () = stop.cancelled() => {}
            () = sleep_until(self.due) => {}
        }
    }

    /// A stream that passes over everything tells how far it is, so that its client
    /// does not have to begin where it last saw an event; one that has nothing to pass
    /// over tells that it lives.
    fn heartbeat(&mut self) -> Bytes {
        self.due = Instant::now() + self.seat.hub.settings.heartbeat;
        if self.told < self.position {
            self.told = self.position;
            return marker(self.position);
        }
        Bytes::from_static(b":\n\n")
    }

    fn end(&mut self, end: End) -> Bytes {
        self.state = State::Over;
        let reason = match end {
            End::Shutdown => "shutdown",
            End::Unavailable => "unavailable",
        };
        let position = self.position;
        format!(
            "id: {position}\nevent: end\ndata: {{\"reason\":\"{reason}\",\"position\":{position}}}\n\n"
        )
        .into()
    }
}
