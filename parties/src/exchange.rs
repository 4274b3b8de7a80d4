//! Makes a ceremony survive a network that loses, repeats and reorders.
//!
//! An [`Exchange`] wraps a [`Ceremony`] and keeps what it has sent. Whoever
//! misses a message asks for it ([`Message::Resend`]) after a quiet interval and
//! is answered, also by parties that are done already: the runtime keeps the
//! exchange for a while after its outcome. Like the ceremony it does no I/O and
//! has no clock: the runtime sends what it is given and calls
//! [`tick`](Exchange::tick) when it has been quiet for too long.
//!
//! A private message is sent again only to the party that it was for, and each
//! peer gets at most [`MAX_ANSWERS`] answers per round, so that asking is no way
//! to have this party flood the network.

mod message;
mod sent;

use crate::engine::{Abort, Awaited, Ceremony, Outcome, PartyIndex, Recipient, Step};

pub use message::{Message, Send};
pub use sent::MAX_ANSWERS;
use sent::Sent;

/// A ceremony with a memory of what it has said.
#[derive(Debug)]
pub struct Exchange {
    ceremony: Box<dyn Ceremony>,
    me: PartyIndex,
    peers: Vec<PartyIndex>,
    sent: Sent,
    ended: bool,
}

/// What came of an input.
#[derive(Debug)]
pub struct Progress {
    /// What to send, in order.
    pub sends: Vec<Send>,
    /// The ceremony's result, once.
    pub outcome: Option<Outcome>,
    /// The round that is now awaited, or the last one.
    pub round: u8,
}

impl Exchange {
    /// Wraps the ceremony of party `me` with `peers` (without `me`).
    #[must_use]
    pub fn new(ceremony: Box<dyn Ceremony>, me: PartyIndex, peers: Vec<PartyIndex>) -> Self {
        Self {
            ceremony,
            me,
            peers,
            sent: Sent::default(),
            ended: false,
        }
    }

    /// Begins the ceremony, once.
    ///
    /// # Errors
    ///
    /// The ceremony's [`Abort`].
    pub fn start(&mut self) -> Result<Progress, Abort> {
        let result = self.ceremony.start();
        self.proceed(result)
    }

    /// Takes a message that `from` is known to have sent.
    ///
    /// # Errors
    ///
    /// The ceremony's [`Abort`]. Requests are never an error: one that cannot or
    /// must not be answered is not.
    pub fn receive(&mut self, from: PartyIndex, message: Message) -> Result<Progress, Abort> {
        match message {
            Message::Data { round, body } => {
                let result = self.ceremony.handle(from, round, &body);
                self.proceed(result)
            }
            Message::Resend { round } => {
                let sends = if self.peers.contains(&from) {
                    self.sent.answer(from, round)
                } else {
                    Vec::new()
                };
                Ok(self.progress(sends, None))
            }
        }
    }

    /// Asks every awaited party for its message, to be called after a quiet
    /// interval. Empty once the ceremony has ended.
    pub fn tick(&mut self) -> Vec<Send> {
        if self.ended {
            return Vec::new();
        }
        let Awaited { round, parties } = self.ceremony.awaited();
        parties
            .into_iter()
            .map(|party| Send {
                to: Recipient::One(party),
                message: Message::Resend { round },
            })
            .collect()
    }

    /// Whom the ceremony waits for.
    #[must_use]
    pub fn awaited(&self) -> Awaited {
        self.ceremony.awaited()
    }

    /// This party's position.
    #[must_use]
    pub fn me(&self) -> PartyIndex {
        self.me
    }

    fn proceed(&mut self, result: Result<Step, Abort>) -> Result<Progress, Abort> {
        let step = match result {
            Ok(step) => step,
            Err(abort) => {
                // The attempt is over for this party: whoever is still in it
                // must not finish a key or a signature with its help.
                self.ended = true;
                self.sent.forget();
                return Err(abort);
            }
        };
        self.ended |= step.outcome.is_some();
        let sends = step.outgoing.iter().map(Send::from_outgoing).collect();
        self.sent.keep(step.outgoing);
        Ok(self.progress(sends, step.outcome))
    }

    fn progress(&self, sends: Vec<Send>, outcome: Option<Outcome>) -> Progress {
        Progress {
            sends,
            outcome,
            round: self.ceremony.awaited().round,
        }
    }
}

#[cfg(test)]
mod tests;
