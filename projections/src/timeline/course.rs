//! The course of one session: its attempts and phases, how long each took, and who
//! was awaited meanwhile.

mod fold;
mod view;

pub use view::{
    AttemptCourse, Awaited, AwaitedFor, AwaitedOutcome, Phase, PhaseKind, SessionCourse, Step,
    StepAt, StepKind, milliseconds,
};

use countersign_domain::Timestamp;
use countersign_event_store::{Decoded, DecodedEvent};

use fold::Fold;

/// The course of a session from all of its events, as it looks at the time `now`. None
/// when the first of them does not create a session. An event that cannot be decoded
/// is told by its name and otherwise passed over.
///
/// The events say when the rounds of an attempt began and ended, and nothing of the
/// single rounds: [`Phase::steps`] is left empty.
#[must_use]
pub fn course(events: &[DecodedEvent], now: Timestamp) -> Option<SessionCourse> {
    let (first, rest) = events.split_first()?;
    let mut fold = match &first.decoded {
        Ok(Decoded::Session(id, event)) => Fold::new(*id, &first.recorded, event)?,
        _ => return None,
    };
    for event in rest {
        match &event.decoded {
            Ok(Decoded::Session(_, decoded)) => fold.take(&event.recorded, decoded),
            _ => fold.pass(&event.recorded),
        }
    }
    Some(fold.seen_at(now))
}
