//! The roster, and whether its parties are there and pin the same one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::roster::Roster;
use countersign_messaging::presence::{
    HEARTBEAT_EVERY, HeartbeatError, Presence, roster_fingerprint,
};
use countersign_messaging::{Bus, subject};

use super::report::Report;
use crate::clock::now;
use crate::files;
use crate::role::in_full;

/// How long heartbeats are listened for: some are late, and one may be lost.
const LISTEN: Duration = Duration::from_millis(3_500);

/// Reads the roster.
pub(super) fn roster(path: &Path, report: &mut Report) -> Option<Roster> {
    match files::roster(path) {
        Ok(roster) => {
            report.ok(
                "roster",
                format!(
                    "{} parties, fingerprint {}",
                    roster.parties().len(),
                    roster_fingerprint(&roster)
                ),
            );
            Some(roster)
        }
        Err(failure) => {
            report.fail("roster", failure.message, "");
            None
        }
    }
}

/// Listens for the heartbeats of all parties.
pub(super) async fn hear(bus: &Arc<dyn Bus>, roster: Arc<Roster>, report: &mut Report) {
    debug_assert!(LISTEN > 3 * HEARTBEAT_EVERY);
    let presence = Presence::new(roster);
    let mut refused: BTreeMap<String, String> = BTreeMap::new();
    let mut heartbeats = match bus.subscribe(&subject::presence_all()).await {
        Ok(heartbeats) => heartbeats,
        Err(error) => {
            let cure = "let this user subscribe to cs.v1.presence.*";
            report.fail("parties", in_full(&error), cure);
            return;
        }
    };
    let listening = async {
        while let Some(message) = heartbeats.next().await {
            match presence.observe(&message.payload, now()) {
                Ok(()) | Err(HeartbeatError::Old(_)) => {}
                Err(error) => {
                    refused.insert(message.subject.to_string(), in_full(&error));
                }
            }
        }
    };
    // It ends when there was time enough.
    let _ = tokio::time::timeout(LISTEN, listening).await;
    tell(&presence, report);
    for (subject, why) in refused {
        let said = format!("a heartbeat on {subject} is refused: {why}");
        report.warn(
            "parties",
            said,
            "give all the same roster and the same time",
        );
    }
}

fn tell(presence: &Presence, report: &mut Report) {
    for party in presence.snapshot(now()) {
        let name = &party.party;
        if !party.present {
            report.warn(
                "parties",
                format!("{name} is away"),
                "start it, or look at its log; it is not asked to sign meanwhile",
            );
        } else if party.roster_matches == Some(false) {
            report.fail(
                "parties",
                format!("{name} pins another roster than this one"),
                "give it the same roster file, and restart it",
            );
        } else {
            let version = party.version.as_deref().unwrap_or("?");
            report.ok("parties", format!("{name} is present, version {version}"));
        }
    }
}
