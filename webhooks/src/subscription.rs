//! A subscription: who wants which events, and how far they have got.

use chrono::Duration;
use countersign_domain::Timestamp;
use countersign_event_store::EventFilter;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::seal::Sealed;

/// Whether events are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Yes.
    Active,
    /// Somebody has paused it.
    Paused,
    /// The receiver failed for too long, or said that it is gone.
    Disabled,
}

impl State {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }
}

/// An event that could not be delivered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Its position.
    pub position: u64,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried again.
    pub next_attempt_at: Timestamp,
}

/// What went wrong last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// When.
    pub at: Timestamp,
    /// At which event.
    pub position: u64,
    /// What.
    pub detail: String,
}

/// A secret that was replaced, and signs beside the new one for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// The secret.
    pub secret: Sealed,
    /// Until when it signs.
    pub until: Timestamp,
}

/// A subscription as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id.
    pub id: Uuid,
    /// Where events go.
    pub url: String,
    /// Which events.
    pub filter: EventFilter,
    /// What signs them.
    pub secret: Sealed,
    /// What signed them before the last rotation.
    pub previous: Option<Previous>,
    /// Whether events are delivered.
    pub state: State,
    /// Why it is disabled.
    pub reason: Option<String>,
    /// Position up to which every event that fits was delivered or set aside.
    pub cursor: u64,
    /// Events up to here are delivered again after a replay, and so may be among the
    /// dead letters; 0 without one.
    pub replay_until: u64,
    /// The event that is being tried.
    pub pending: Option<Pending>,
    /// What went wrong last.
    pub last_error: Option<LastError>,
    /// When an event was last taken.
    pub last_success_at: Option<Timestamp>,
    /// How many events in a row were set aside.
    pub dead_letters_in_a_row: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// Goes up when somebody changes the subscription, not when events are delivered.
    pub generation: u64,
    /// Goes up with every change: what was read must still be so when it is written.
    #[serde(skip)]
    pub revision: u64,
}

/// An event that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its position.
    pub position: u64,
    /// Its name.
    pub event_type: String,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong last.
    pub error: String,
    /// When it was given up.
    pub at: Timestamp,
}

/// What becomes of an event that could not be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// It is tried again then.
    Retry(Timestamp),
    /// It is set aside.
    DeadLetter(DeadLetter),
}

impl Subscription {
    /// An event was taken by the receiver.
    pub fn delivered(&mut self, position: u64, now: Timestamp) {
        self.advance(position);
        self.last_success_at = Some(now);
        self.dead_letters_in_a_row = 0;
        self.last_error = None;
    }

    /// Nothing up to `position` is owed any more.
    pub fn advance(&mut self, position: u64) {
        self.cursor = self.cursor.max(position);
        self.pending = None;
        if self.cursor >= self.replay_until {
            self.replay_until = 0;
        }
    }

    /// An attempt failed. `delay` is how long to wait for the next one; without it
    /// there is none. A subscription that sets aside `disable_after` events in a row
    /// is disabled.
    pub fn failed(
        &mut self,
        (position, event_type): (u64, &str),
        detail: &str,
        now: Timestamp,
        delay: Option<std::time::Duration>,
        disable_after: u32,
    ) -> AfterFailure {
        let attempts = self.attempts(position) + 1;
        self.last_error = Some(LastError {
            at: now,
            position,
            detail: detail.to_owned(),
        });
        if let Some(delay) = delay {
            let at = now + Duration::from_std(delay).unwrap_or(Duration::days(1));
            self.pending = Some(Pending {
                position,
                attempts,
                next_attempt_at: at,
            });
            return AfterFailure::Retry(at);
        }
        self.advance(position);
        self.dead_letters_in_a_row += 1;
        if self.dead_letters_in_a_row >= disable_after {
            let all = self.dead_letters_in_a_row;
            self.disable(format!("{all} events in a row could not be delivered"));
        }
        AfterFailure::DeadLetter(DeadLetter {
            position,
            event_type: event_type.to_owned(),
            attempts,
            error: detail.to_owned(),
            at: now,
        })
    }

    /// How often an event was tried.
    #[must_use]
    pub fn attempts(&self, position: u64) -> u32 {
        let pending = self.pending.filter(|pending| pending.position == position);
        pending.map_or(0, |pending| pending.attempts)
    }

    /// Delivers no more.
    pub fn disable(&mut self, reason: impl Into<String>) {
        self.state = State::Disabled;
        self.reason = Some(reason.into());
        self.pending = None;
    }

    /// Delivers (again), beginning with what is owed, at once.
    pub fn activate(&mut self) {
        self.state = State::Active;
        self.reason = None;
        self.pending = None;
        self.dead_letters_in_a_row = 0;
    }

    /// Delivers the events from `from` on again.
    pub fn replay(&mut self, from: u64) {
        let cursor = from.saturating_sub(1);
        self.replay_until = match cursor < self.cursor {
            true => self.cursor.max(self.replay_until),
            false => self.replay_until,
        };
        self.cursor = cursor;
        self.pending = None;
    }

    /// Whether an event may be among the dead letters when it is delivered.
    #[must_use]
    pub fn is_repeated(&self, position: u64) -> bool {
        position <= self.replay_until
    }

    /// The id of a message: the same whenever the same event is sent, so that
    /// receivers know what they have had.
    #[must_use]
    pub fn message_id(&self, position: u64) -> String {
        format!("msg_{}_{position}", self.id.simple())
    }
}
