//! Session events as the relay publishes them.
//!
//! Parties do not know the event log. They read the little they need out of the
//! relayed JSON and believe none of it: a start begins nothing that the party has
//! not verified, and an end that is a lie only stops what an attacker on the bus
//! could have kept from arriving.

use std::collections::BTreeSet;

use countersign_domain::ids::{PartyId, SessionId};
use countersign_messaging::{Message, Payload, subject};
use serde::Deserialize;

use super::context::Context;
use super::inbox::Start;

/// Positions that are remembered one by one.
const REMEMBERED: usize = 8192;

/// What an event is to a party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Started,
    AttemptFailed,
    Ended,
}

/// The events that a party follows, and what they are to it.
pub(super) const FOLLOWED: [(&str, Kind); 6] = [
    ("SessionStarted", Kind::Started),
    ("AttemptFailed", Kind::AttemptFailed),
    ("SessionCompleted", Kind::Ended),
    ("SessionFailed", Kind::Ended),
    ("SessionExpired", Kind::Ended),
    ("SessionCancelled", Kind::Ended),
];

#[derive(Deserialize)]
struct Relayed<P> {
    aggregate_id: SessionId,
    payload: P,
}

#[derive(Deserialize)]
struct Started {
    attempt: u32,
    signers: Vec<PartyId>,
}

#[derive(Deserialize)]
struct AttemptFailed {
    attempt: u32,
}

#[derive(Deserialize)]
struct Ended {}

/// The subjects of [`FOLLOWED`].
pub(super) fn subjects() -> Vec<String> {
    let of = |(name, _): &(&str, Kind)| subject::events("session", name, "*");
    FOLLOWED.iter().map(of).collect()
}

/// The positions of the events that came already.
///
/// A feed may give an event again, and give late what was lost on the way, so the
/// last position alone does not tell.
#[derive(Debug, Default)]
pub(super) struct Seen {
    recent: BTreeSet<u64>,
    /// Everything up to here counts as seen.
    floor: u64,
}

impl Seen {
    /// Remembers a position; whether it is new.
    fn is_new(&mut self, position: u64) -> bool {
        if position <= self.floor || !self.recent.insert(position) {
            return false;
        }
        if self.recent.len() > REMEMBERED
            && let Some(oldest) = self.recent.pop_first()
        {
            self.floor = oldest;
        }
        true
    }
}

/// Passes an event on to its session, unless it came already.
pub(super) fn observe(context: &Context, seen: &mut Seen, message: &Message) {
    let name = message.subject.split('.').nth(4);
    let followed = FOLLOWED
        .iter()
        .find(|(followed, _)| name == Some(*followed));
    let Some((_, kind)) = followed else {
        context.stats.events_dropped.increment();
        return;
    };
    let position = message.headers.position();
    if position.is_some_and(|position| !seen.is_new(position)) {
        return;
    }
    let payload = &message.payload;
    let result = match kind {
        Kind::Started => started(context, payload),
        Kind::AttemptFailed => attempt_failed(context, payload),
        Kind::Ended => ended(context, payload),
    };
    if let Err(error) = result {
        context.stats.events_dropped.increment();
        tracing::warn!(%error, ?kind, "a relayed event cannot be read");
    }
}

fn started(context: &Context, payload: &Payload) -> Result<(), serde_json::Error> {
    let Relayed {
        aggregate_id: session,
        payload: Started { attempt, signers },
    } = serde_json::from_slice(payload)?;
    let start = Start { attempt, signers };
    match context.registry.get(session) {
        Some(inbox) => inbox.start(start),
        None => early(context, session, start),
    }
    Ok(())
}

/// A start without an invitation, which may be still on its way.
fn early(context: &Context, session: SessionId, start: Start) {
    let mine = start.signers.contains(&context.party);
    if mine && !context.registry.start_early(session, start) {
        context.stats.events_dropped.increment();
    }
}

fn attempt_failed(context: &Context, payload: &Payload) -> Result<(), serde_json::Error> {
    let Relayed {
        aggregate_id: session,
        payload: AttemptFailed { attempt },
    } = serde_json::from_slice(payload)?;
    if let Some(inbox) = context.registry.get(session) {
        inbox.fail(attempt);
    }
    Ok(())
}

fn ended(context: &Context, payload: &Payload) -> Result<(), serde_json::Error> {
    let Relayed {
        aggregate_id: session,
        payload: Ended {},
    } = serde_json::from_slice(payload)?;
    match context.registry.get(session) {
        Some(inbox) => inbox.end(),
        None => context.registry.forget_early(session),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_new_once_and_also_when_it_is_late() {
        let mut seen = Seen::default();
        assert!(seen.is_new(7));
        assert!(!seen.is_new(7));
        assert!(seen.is_new(5));
        assert!(!seen.is_new(5));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_rest_is_old() {
        let mut seen = Seen::default();
        let many = u64::try_from(REMEMBERED).unwrap() * 2;
        assert!((1..=many).all(|position| seen.is_new(position)));
        assert_eq!(seen.recent.len(), REMEMBERED);
        assert!(!(1..=many).any(|position| seen.is_new(position)));
    }
}
