//! Session events as the relay publishes them.
//!
//! Parties do not know the event log. They read the little they need out of the
//! relayed JSON and believe none of it: a start begins nothing that the party has
//! not verified, and an end that is a lie only stops what an attacker on the bus
//! could have kept from arriving.

use countersign_domain::ids::{PartyId, SessionId};
use countersign_messaging::Payload;
use serde::Deserialize;

use super::context::Context;
use super::inbox::Start;

/// Which event a subscription is for.
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

/// Passes an event on to its session.
pub(super) fn observe(context: &Context, kind: Kind, payload: &Payload) {
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
