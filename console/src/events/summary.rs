//! What an event says, in a few words.

use countersign_domain::account::AccountEvent;
use countersign_domain::key::KeyEvent;
use countersign_domain::personal::Personal;
use countersign_event_store::{Decoded, Decoder, Envelope};
use countersign_projections::timeline;

/// The summary; none when there is nothing to add to the name of the event, or when it
/// cannot be decoded.
pub(super) fn summary(event: &Envelope) -> Option<String> {
    match Decoder::default().decode(event).ok()? {
        Decoded::Account(_, told) => match told {
            AccountEvent::AccountRegistered {
                personal: Personal::Open(data),
                quorum,
                ..
            } => Some(format!("{}, {quorum} by default", data.username)),
            AccountEvent::AccountRegistered { quorum, .. } => Some(format!("{quorum} by default")),
            _ => None,
        },
        Decoded::Key(_, told) => match told {
            KeyEvent::KeyRequested { facts, .. } => {
                Some(format!("{} with {}", facts.quorum, facts.engine))
            }
            KeyEvent::PairBanned { reporter, culprit } => Some(format!("{reporter}, {culprit}")),
            _ => None,
        },
        Decoded::Other => None,
        Decoded::Session(_, told) => {
            let entry = timeline::entry(&event.recorded(), &told);
            let words: Vec<&str> = [&entry.party, &entry.detail]
                .into_iter()
                .flatten()
                .map(AsRef::as_ref)
                .collect();
            (!words.is_empty()).then(|| words.join(": "))
        }
    }
}
