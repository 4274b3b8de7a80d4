//! Events from the log to where they are replayed to.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use countersign_event_store::{Envelope, StreamId};
use tokio::time::Instant;

use super::bar::Bar;
use super::cursor::CursorFile;
use super::sink::Sink;
use crate::failure::Outcome;
use crate::run::past_log::{PastLog, failed};

/// Events to a read.
const PAGE: usize = 1000;

/// What is delivered.
pub(super) struct Plan {
    /// After this position.
    pub(super) after: u64,
    /// Up to this one.
    pub(super) to: u64,
    /// Of one of these names; of any when there are none.
    pub(super) types: HashSet<&'static str>,
    /// Of one of these streams; of any when there are none.
    pub(super) streams: HashSet<StreamId>,
    /// Events a second, at the most.
    pub(super) rate: Option<u32>,
}

/// What was delivered.
pub(super) struct Delivered {
    /// How many events.
    pub(super) events: u64,
    /// Up to which position.
    pub(super) through: u64,
    /// Whether it was told to end before the end.
    pub(super) stopped: bool,
}

impl Plan {
    fn takes(&self, event: &Envelope) -> bool {
        (self.types.is_empty() || self.types.contains(event.event_type.as_str()))
            && (self.streams.is_empty() || self.streams.contains(&event.stream))
    }

    /// How many events are delivered at once: a tenth of a second's.
    fn chunk(&self) -> usize {
        let tenth = self.rate.map_or(PAGE, |rate| rate as usize / 10);
        tenth.clamp(1, PAGE)
    }
}

/// Delivers the events in their order. The cursor follows what the sink has taken, never
/// goes before it: what was delivered and not noted is delivered again.
pub(super) async fn deliver(
    past: &PastLog,
    plan: &Plan,
    sink: &mut dyn Sink,
    mut cursor: Option<&mut CursorFile>,
    bar: &mut Bar,
) -> Outcome<Delivered> {
    let began = Instant::now();
    let mut delivered = Delivered {
        events: 0,
        through: plan.after,
        stopped: false,
    };
    while delivered.through < plan.to {
        let left = usize::try_from(plan.to - delivered.through).unwrap_or(PAGE);
        let page = past.log.read_all(delivered.through, left.min(PAGE)).await;
        let page = page.map_err(|e| failed(&e))?;
        let Some(last) = page.last().map(|last| last.position) else {
            break;
        };
        let taken: Vec<_> = page.into_iter().filter(|event| plan.takes(event)).collect();
        let mut chunks = taken.chunks(plan.chunk()).peekable();
        while let Some(chunk) = chunks.next() {
            if let Some(rate) = plan.rate {
                let due =
                    began + Duration::from_secs_f64(delivered.events as f64 / f64::from(rate));
                tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    () = past.stop.cancelled() => {}
                }
            }
            if past.stop.is_cancelled() {
                delivered.stopped = true;
                return Ok(delivered);
            }
            send(sink, chunk).await?;
            delivered.events += chunk.len() as u64;
            let through = chunk.last().map_or(last, |event| event.position);
            delivered.through = if chunks.peek().is_some() {
                through
            } else {
                last
            };
            note(&mut cursor, delivered.through)?;
            bar.show(plan.after, delivered.through, plan.to);
        }
        if taken.is_empty() {
            delivered.through = last;
            note(&mut cursor, last)?;
            bar.show(plan.after, last, plan.to);
            if past.stop.is_cancelled() {
                delivered.stopped = true;
                return Ok(delivered);
            }
        }
    }
    Ok(delivered)
}

async fn send(sink: &mut dyn Sink, events: &[Arc<Envelope>]) -> Outcome {
    for event in events {
        sink.take(event).await?;
    }
    sink.settle().await
}

fn note(cursor: &mut Option<&mut CursorFile>, position: u64) -> Outcome {
    cursor
        .as_mut()
        .map_or(Ok(()), |cursor| cursor.save(position))
}
