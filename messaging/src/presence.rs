//! Which parties are there: signed heartbeats, and who was heard lately.
//!
//! Presence decides only whom the coordinator invites first. A forged or
//! replayed heartbeat is dropped all the same, so that an outsider cannot have
//! sessions wait for a party that is gone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use countersign_domain::Timestamp;
use countersign_domain::bytes::Digest;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::PartyId;
use countersign_domain::roster::Roster;
use serde::Serialize;
use tokio::sync::watch;

use crate::bus::{Bus, BusError};
use crate::{Clock, subject};

mod heartbeat;

pub use heartbeat::{Heartbeat, HeartbeatError, roster_fingerprint};

/// How long a party counts as present after a heartbeat.
pub const PRESENT_FOR: TimeDelta = TimeDelta::seconds(6);

/// How often a party should send one.
pub const HEARTBEAT_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// How far the clock of a party may be from that of the observer.
pub const MAX_SKEW: TimeDelta = TimeDelta::seconds(30);

/// What is known of a party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartyPresence {
    /// Who.
    pub party: PartyId,
    /// Whether it was heard within [`PRESENT_FOR`].
    pub present: bool,
    /// When it was last heard, by the observer's clock.
    pub last_seen: Option<Timestamp>,
    /// When it started, by its own clock.
    pub started_at: Option<Timestamp>,
    /// Its software's version.
    pub version: Option<String>,
    /// The engines it has.
    pub engines: Vec<EngineId>,
    /// Ceremonies it is running.
    pub running: u32,
    /// Whether it pins the same roster as the observer; unknown until heard.
    pub roster_matches: Option<bool>,
}

/// Tracks the heartbeats of the parties of a roster.
#[derive(Debug)]
pub struct Presence {
    roster: Arc<Roster>,
    fingerprint: Digest,
    heard: Mutex<BTreeMap<PartyId, Heard>>,
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct Heard {
    heartbeat: Heartbeat,
    at: Timestamp,
}

impl Presence {
    /// A tracker that has heard nobody yet.
    #[must_use]
    pub fn new(roster: Arc<Roster>) -> Self {
        Self {
            fingerprint: roster_fingerprint(&roster),
            roster,
            heard: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Takes a heartbeat, as bytes off the bus, that arrived at `now`.
    ///
    /// # Errors
    /// [`HeartbeatError`] when it was dropped, and why.
    pub fn observe(&self, bytes: &[u8], now: Timestamp) -> Result<(), HeartbeatError> {
        let heartbeat = Heartbeat::open(bytes, &self.roster)?;
        if (heartbeat.sent_at - now).abs() > MAX_SKEW {
            return Err(HeartbeatError::Skew {
                party: heartbeat.party,
                sent_at: heartbeat.sent_at,
            });
        }
        let news = {
            let mut heard = self.heard();
            let before = heard.get(&heartbeat.party);
            if before.is_some_and(|b| b.heartbeat.sent_at >= heartbeat.sent_at) {
                return Err(HeartbeatError::Old(heartbeat.party));
            }
            let news = before.is_none_or(|b| !is_present(b.at, now) || b.says_else(&heartbeat));
            let party = heartbeat.party.clone();
            heard.insert(party, Heard { heartbeat, at: now });
            news
        };
        if news {
            self.changes.send_modify(|count| *count += 1);
        }
        Ok(())
    }

    /// Follows the heartbeats on the bus until it shuts down.
    ///
    /// # Errors
    /// [`BusError`] when it cannot subscribe.
    pub async fn follow(&self, bus: &dyn Bus, clock: Clock) -> Result<(), BusError> {
        let mut heartbeats = bus.subscribe(&subject::presence_all()).await?;
        while let Some(message) = heartbeats.next().await {
            if let Err(error) = self.observe(&message.payload, clock()) {
                tracing::debug!(%error, "heartbeat dropped");
            }
        }
        Ok(())
    }

    /// Who is present at `now`, by name.
    #[must_use]
    pub fn present(&self, now: Timestamp) -> Vec<PartyId> {
        let heard = self.heard();
        let present = heard.iter().filter(|(_, heard)| is_present(heard.at, now));
        present.map(|(party, _)| party.clone()).collect()
    }

    /// Whether one party is present at `now`.
    #[must_use]
    pub fn is_present(&self, party: &PartyId, now: Timestamp) -> bool {
        self.heard()
            .get(party)
            .is_some_and(|heard| is_present(heard.at, now))
    }

    /// What is known of every party of the roster, in its order.
    #[must_use]
    pub fn snapshot(&self, now: Timestamp) -> Vec<PartyPresence> {
        let heard = self.heard();
        let parties = self.roster.parties().iter();
        parties
            .map(|identity| {
                let heard = heard.get(&identity.party);
                let said = heard.map(|heard| &heard.heartbeat);
                PartyPresence {
                    party: identity.party.clone(),
                    present: heard.is_some_and(|heard| is_present(heard.at, now)),
                    last_seen: heard.map(|heard| heard.at),
                    started_at: said.map(|said| said.started_at),
                    version: said.map(|said| said.version.clone()),
                    engines: said.map(|said| said.engines.clone()).unwrap_or_default(),
                    running: said.map_or(0, |said| said.running),
                    roster_matches: said.map(|said| said.roster == self.fingerprint),
                }
            })
            .collect()
    }

    /// Wakes when a party appears or says something new. Parties that fall
    /// silent wake nobody: that is only a matter of time.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Waits until all these parties are present.
    pub async fn wait_for(&self, parties: &[PartyId], clock: Clock) {
        let mut changes = self.changed();
        while !parties.iter().all(|party| self.is_present(party, clock())) {
            // The sender lives in `self`.
            let _ = changes.changed().await;
        }
    }

    fn heard(&self) -> MutexGuard<'_, BTreeMap<PartyId, Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    /// Whether a heartbeat differs in more than when it was sent.
    fn says_else(&self, next: &Heartbeat) -> bool {
        let same_time = Heartbeat {
            sent_at: next.sent_at,
            ..self.heartbeat.clone()
        };
        same_time != *next
    }
}

fn is_present(heard_at: Timestamp, now: Timestamp) -> bool {
    now - heard_at <= PRESENT_FOR
}
