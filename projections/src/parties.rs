//! What the parties have done, as the events of all sessions tell it.
//!
//! Whether a party is there now is no event: that is the matter of heartbeats. Here
//! is what is left of it afterwards: how often it took part and how often it was to
//! blame.

use std::collections::HashMap;

use countersign_domain::Timestamp;
use countersign_domain::ids::{PartyId, SessionId};
use countersign_domain::session::{AttemptFailure, SessionEvent};
use countersign_event_store::Recorded;
use serde::{Deserialize, Serialize};

/// What queries show of a party's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyView {
    /// The party.
    pub party: PartyId,
    /// How often it joined a session; to join again after it was blamed counts too.
    pub sessions_joined: u64,
    /// How many signatures were made with its share.
    pub signatures: u64,
    /// How many failed attempts it was blamed for.
    pub attempts_blamed: u64,
    /// The last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_blame: Option<BlameView>,
    /// When its last event was recorded.
    #[serde(serialize_with = "crate::time::at")]
    pub last_event_at: Timestamp,
    /// Position of its last event.
    pub last_event_position: u64,
}

/// An attempt that a party was blamed for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlameView {
    /// The session.
    pub session_id: SessionId,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Why it failed.
    pub reason: AttemptFailure,
    /// When it failed.
    #[serde(serialize_with = "crate::time::at")]
    pub at: Timestamp,
}

/// A row of the projection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyRow {
    /// What queries show.
    pub view: PartyView,
}

/// Who signs in a session whose rounds run: the event that completes it does not
/// say so.
pub type Signers = Vec<PartyId>;

/// The rows that a run of events needs and changes.
#[derive(Debug, Clone, Default)]
pub struct PartyRows {
    /// The parties.
    pub parties: HashMap<PartyId, PartyRow>,
    /// The sessions whose rounds run.
    pub running: HashMap<SessionId, Signers>,
}

/// The parties that an event concerns by name.
pub(crate) fn named(event: &SessionEvent) -> &[PartyId] {
    match event {
        SessionEvent::ParticipantJoined { party, .. }
        | SessionEvent::ParticipantReady { party }
        | SessionEvent::ParticipantReported { party, .. } => std::slice::from_ref(party),
        SessionEvent::SessionStarted { signers, .. } => signers,
        SessionEvent::AttemptFailed { culprits, .. } => culprits,
        _ => &[],
    }
}

/// Folds an event into the rows of the parties that it concerns, which are all
/// there if they exist.
pub fn apply(rows: &mut PartyRows, id: SessionId, recorded: &Recorded, event: &SessionEvent) {
    match event {
        SessionEvent::ParticipantJoined { party, .. } => {
            rows.seen(party, recorded).sessions_joined += 1;
        }
        SessionEvent::ParticipantReady { party }
        | SessionEvent::ParticipantReported { party, .. } => {
            rows.seen(party, recorded);
        }
        SessionEvent::SessionStarted { signers, .. } => {
            for party in signers {
                rows.seen(party, recorded);
            }
            rows.running.insert(id, signers.clone());
        }
        SessionEvent::AttemptFailed {
            attempt,
            reason,
            culprits,
            ..
        } => {
            rows.running.remove(&id);
            for party in culprits {
                let view = rows.seen(party, recorded);
                view.attempts_blamed += 1;
                view.last_blame = Some(BlameView {
                    session_id: id,
                    attempt: *attempt,
                    reason: *reason,
                    at: recorded.recorded_at,
                });
            }
        }
        SessionEvent::SessionCompleted { signature, .. } => {
            let signers = rows.running.remove(&id).unwrap_or_default();
            for party in signers.iter().filter(|_| signature.is_some()) {
                rows.seen(party, recorded).signatures += 1;
            }
        }
        SessionEvent::SessionFailed { .. }
        | SessionEvent::SessionExpired {}
        | SessionEvent::SessionCancelled { .. } => {
            rows.running.remove(&id);
        }
        SessionEvent::SessionCreated { .. } => {}
    }
}

impl PartyRows {
    fn seen(&mut self, party: &PartyId, recorded: &Recorded) -> &mut PartyView {
        if !self.parties.contains_key(party) {
            let view = PartyView {
                party: party.clone(),
                sessions_joined: 0,
                signatures: 0,
                attempts_blamed: 0,
                last_blame: None,
                last_event_at: recorded.recorded_at,
                last_event_position: recorded.position,
            };
            self.parties.insert(party.clone(), PartyRow { view });
        }
        let row = self.parties.get_mut(party).expect("it was put there");
        row.view.last_event_at = recorded.recorded_at;
        row.view.last_event_position = recorded.position;
        &mut row.view
    }
}
