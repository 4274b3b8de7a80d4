//! A party's seat at one ceremony: the exchange and its post, moved into the pool
//! for each turn and back. No I/O, no clock.

mod confirm;

use std::sync::Arc;

use countersign_messaging::Payload;
use countersign_messaging::frame::{FrameError, FrameKind};

use super::post::{Inbound, Outbound, Post};
use crate::engine::{Abort, AbortKind, Awaited, Outcome, PartyIndex, Recipient};
use crate::exchange::{Exchange, Message, Progress, Send};
use confirm::Confirm;

/// See the module's documentation.
pub(super) struct Seat {
    exchange: Exchange,
    post: Arc<Post>,
    confirm: Confirm,
}

/// What came of a turn.
#[derive(Default)]
pub(super) struct Turn {
    /// To be published, in order.
    pub(super) out: Vec<Outbound>,
    /// Peers that were heard.
    pub(super) heard: Vec<PartyIndex>,
    /// Frames that did not verify.
    pub(super) refused: usize,
    /// Requests that are among `out`.
    pub(super) asked: usize,
    /// The ceremony's result, once.
    pub(super) outcome: Option<Outcome>,
    /// What peers confirm, once this party has confirmed too; each once.
    pub(super) confirmed: Vec<(PartyIndex, Vec<u8>)>,
    /// The end of the ceremony.
    pub(super) abort: Option<Abort>,
    /// Whom it waits for now.
    pub(super) awaited: Option<Awaited>,
}

impl Seat {
    pub(super) fn new(exchange: Exchange, post: Arc<Post>) -> Self {
        Self {
            exchange,
            post,
            confirm: Confirm::default(),
        }
    }

    /// Begins the ceremony.
    pub(super) fn start(&mut self) -> Turn {
        let mut turn = Turn::default();
        let result = self.exchange.start();
        self.proceed(result, &mut turn);
        self.finish(turn)
    }

    /// Takes frames, as bytes off the bus.
    pub(super) fn receive(&mut self, frames: &[Payload]) -> Turn {
        let mut turn = Turn::default();
        for frame in frames {
            match self.post.open(frame) {
                Ok(inbound) => self.take(inbound, &mut turn),
                Err(error) => {
                    turn.refused += 1;
                    tracing::debug!(%error, "frame dropped");
                }
            }
            if turn.abort.is_some() {
                break;
            }
        }
        self.finish(turn)
    }

    /// Asks the awaited once more, and tells the others that this party is there.
    pub(super) fn tick(&mut self) -> Turn {
        let mut turn = Turn::default();
        let awaited = self.awaited();
        let mut sent = Ok(());
        for send in self.exchange.tick() {
            turn.asked += 1;
            sent = sent.and(self.send(send, &mut turn));
        }
        if self.confirm.is_open() {
            for peer in &awaited.parties {
                turn.asked += 1;
                let round = awaited.round;
                sent =
                    sent.and(
                        self.post
                            .to_one(*peer, FrameKind::Resend, round, &[], &mut turn.out),
                    );
            }
        }
        let others = |peer| !awaited.parties.contains(&peer);
        sent = sent.and(self.post.sign_of_life(others, &mut turn.out));
        self.check(sent, &mut turn);
        self.finish(turn)
    }

    /// Tells every peer what this party has, and waits for theirs.
    pub(super) fn confirm(&mut self, body: Vec<u8>) -> Turn {
        let mut turn = Turn::default();
        // One round after those of the protocol.
        let round = self.exchange.awaited().round.saturating_add(1);
        let mut sent = Ok(());
        for peer in self.post.peers() {
            sent =
                sent.and(
                    self.post
                        .to_one(peer, FrameKind::Confirm, round, &body, &mut turn.out),
                );
        }
        self.confirm.open(round, body);
        self.check(sent, &mut turn);
        self.finish(turn)
    }

    fn awaited(&self) -> Awaited {
        self.confirm
            .awaited(self.post.peers())
            .unwrap_or_else(|| self.exchange.awaited())
    }

    fn take(&mut self, inbound: Inbound, turn: &mut Turn) {
        let from = inbound.from;
        turn.heard.push(from);
        if inbound.is_sign_of_life() {
            return;
        }
        let message = match inbound.kind {
            FrameKind::Confirm => return self.confirm.take(from, &inbound.body),
            FrameKind::Data => Message::Data {
                round: inbound.round,
                body: inbound.body,
            },
            FrameKind::Resend => {
                if let Some(body) = self.confirm.answer(from, inbound.round) {
                    let kind = FrameKind::Confirm;
                    let sent = self
                        .post
                        .to_one(from, kind, inbound.round, body, &mut turn.out);
                    return self.check(sent, turn);
                }
                Message::Resend {
                    round: inbound.round,
                }
            }
            _ => return,
        };
        let result = self.exchange.receive(from, message);
        self.proceed(result, turn);
    }

    fn proceed(&self, result: Result<Progress, Abort>, turn: &mut Turn) {
        match result {
            Ok(progress) => {
                if progress.outcome.is_some() {
                    turn.outcome = progress.outcome;
                }
                let mut sent = Ok(());
                for send in progress.sends {
                    sent = sent.and(self.send(send, turn));
                }
                self.check(sent, turn);
            }
            Err(abort) => turn.abort = Some(abort),
        }
    }

    fn send(&self, send: Send, turn: &mut Turn) -> Result<(), FrameError> {
        match send.message {
            Message::Data { round, body } => self.post.data(send.to, round, &body, &mut turn.out),
            Message::Resend { round } => {
                let Recipient::One(peer) = send.to else {
                    return Ok(());
                };
                self.post
                    .to_one(peer, FrameKind::Resend, round, &[], &mut turn.out)
            }
        }
    }

    /// A peer that cannot be sealed to makes the ceremony impossible.
    fn check(&self, sent: Result<(), FrameError>, turn: &mut Turn) {
        if let Err(error) = sent {
            turn.abort.get_or_insert(Abort {
                kind: AbortKind::Fatal,
                culprits: Vec::new(),
                round: self.exchange.awaited().round,
                reason: format!("a frame cannot be made: {error}"),
            });
        }
    }

    fn finish(&mut self, mut turn: Turn) -> Turn {
        turn.confirmed = self.confirm.news();
        turn.awaited = Some(self.awaited());
        turn
    }
}
