//! What was sent, and how often it was sent again.

use std::collections::BTreeMap;

use super::Send;
use crate::engine::{Outgoing, PartyIndex, Recipient};

/// Most answers to one peer's requests for one round. Where every second message
/// is lost, one in four billion is lost this often. The largest message has
/// 143 kB, so a peer can draw 5 MB of it and no more.
pub const MAX_ANSWERS: u8 = 32;

/// The memory of an exchange. Bodies are wiped on drop.
#[derive(Debug, Default)]
pub(super) struct Sent {
    messages: Vec<Outgoing>,
    answers: BTreeMap<(PartyIndex, u8), u8>,
}

impl Sent {
    /// Remembers what goes out.
    pub(super) fn keep(&mut self, outgoing: Vec<Outgoing>) {
        self.messages.extend(outgoing);
    }

    /// Wipes everything.
    pub(super) fn forget(&mut self) {
        self.messages.clear();
    }

    /// What `peer` should have had in `round`, if it was sent and the peer has
    /// not asked too often. A round that is yet to come needs no answer and
    /// costs none: it will be sent in its time.
    pub(super) fn answer(&mut self, peer: PartyIndex, round: u8) -> Vec<Send> {
        let sends: Vec<Send> = self
            .messages
            .iter()
            .filter(|message| message.round == round)
            .filter(|message| match message.to {
                Recipient::All => true,
                Recipient::One(receiver) => receiver == peer,
            })
            .map(|message| Send::again(message, peer))
            .collect();
        if sends.is_empty() {
            return sends;
        }
        let answers = self.answers.entry((peer, round)).or_default();
        if *answers >= MAX_ANSWERS {
            return Vec::new();
        }
        *answers += 1;
        sends
    }
}
