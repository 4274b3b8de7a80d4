//! Parties that pin another roster than this replica.

use std::collections::BTreeSet;

use countersign_domain::Timestamp;
use countersign_domain::ids::PartyId;
use countersign_messaging::presence::Presence;

use crate::config::Clock;

/// The parties that are there and pin another roster.
pub(crate) fn strangers(presence: &Presence, now: Timestamp) -> BTreeSet<PartyId> {
    let known = presence.snapshot(now).into_iter();
    known
        .filter(|party| party.present && party.roster_matches == Some(false))
        .map(|party| party.party)
        .collect()
}

/// Tells of such parties as soon as they are heard, and when they have mended it.
pub(crate) async fn watch(presence: &Presence, clock: &Clock) {
    let mut changes = presence.changed();
    let mut told = BTreeSet::new();
    loop {
        let strangers = strangers(presence, clock());
        for party in strangers.difference(&told) {
            tracing::error!(
                %party,
                "this party pins another roster: it refuses what others agree on until the \
                 rosters are the same"
            );
        }
        for party in told.difference(&strangers) {
            tracing::info!(%party, "this party does not pin another roster any more, or is away");
        }
        told = strangers;
        // The sender lives in `presence`.
        let _ = changes.changed().await;
    }
}
