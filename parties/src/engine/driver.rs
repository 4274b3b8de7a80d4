//! Runs a protocol's phases as its rounds fill up.
//!
//! [`Driver`] is the [`Ceremony`] of every protocol here: it applies the rules of
//! the [`Inbox`], calls the protocol when the rounds it waits for are complete,
//! and drops the protocol, with its secrets, as soon as it has ended.

use std::fmt;

use super::inbox::{Arrival, Inbox};
use super::{Abort, Awaited, Ceremony, Outgoing, PartyIndex, Step};

/// What a protocol has to bring along.
pub(crate) trait Protocol: Send {
    /// For `Debug`.
    const NAME: &'static str;

    /// Largest body of each round in bytes; the index is the round less one.
    const MAX_BODY: &'static [usize];

    /// The messages that need none before them. Called once.
    fn begin(&mut self) -> Result<Vec<Outgoing>, Abort>;

    /// Decodes and keeps a message: the only one of this sender in this round.
    fn store(&mut self, from: PartyIndex, round: u8, body: &[u8]) -> Result<(), Abort>;

    /// Takes the next phase if rounds 1 to `complete` are all it needs; `None`
    /// if they are not.
    fn advance(&mut self, complete: u8) -> Result<Option<Step>, Abort>;
}

enum Stage<P> {
    Prepared(P),
    Running(P),
    Done,
    Aborted(Abort),
}

/// A protocol in the making, at one party.
pub(crate) struct Driver<P> {
    inbox: Inbox,
    stage: Stage<P>,
}

impl<P: Protocol> Driver<P> {
    /// For the ceremony of `me` with `peers` (ascending, without `me`).
    pub(crate) fn new(me: PartyIndex, peers: Vec<PartyIndex>, protocol: P) -> Self {
        Self {
            inbox: Inbox::new(me, peers, P::MAX_BODY),
            stage: Stage::Prepared(protocol),
        }
    }

    /// Makes an abort final: the protocol is dropped with all it knows.
    fn conclude(&mut self, result: Result<Step, Abort>) -> Result<Step, Abort> {
        match &result {
            Ok(step) if step.outcome.is_some() => self.stage = Stage::Done,
            Ok(_) => {}
            Err(abort) => self.stage = Stage::Aborted(abort.clone()),
        }
        result
    }
}

/// Takes as many phases as the messages allow.
fn run_on<P: Protocol>(protocol: &mut P, inbox: &Inbox, mut step: Step) -> Result<Step, Abort> {
    while step.outcome.is_none() {
        let Some(next) = protocol.advance(inbox.complete_rounds())? else {
            break;
        };
        step.outgoing.extend(next.outgoing);
        step.outcome = next.outcome;
    }
    Ok(step)
}

impl<P: Protocol> Ceremony for Driver<P> {
    fn start(&mut self) -> Result<Step, Abort> {
        let mut protocol = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Prepared(protocol) => protocol,
            Stage::Aborted(abort) => return self.conclude(Err(abort)),
            Stage::Running(_) | Stage::Done => {
                return self.conclude(Err(Abort::fatal(0, "started twice")));
            }
        };
        let result = protocol.begin().and_then(|outgoing| {
            let outcome = None;
            run_on(&mut protocol, &self.inbox, Step { outgoing, outcome })
        });
        self.stage = Stage::Running(protocol);
        self.conclude(result)
    }

    fn handle(&mut self, from: PartyIndex, round: u8, body: &[u8]) -> Result<Step, Abort> {
        let (protocol, running) = match &mut self.stage {
            Stage::Prepared(protocol) => (protocol, false),
            Stage::Running(protocol) => (protocol, true),
            Stage::Done => return Ok(Step::default()),
            Stage::Aborted(abort) => return Err(abort.clone()),
        };
        let result = match self.inbox.accept(from, round, body) {
            Err(abort) => Err(abort),
            Ok(Arrival::Duplicate) => Ok(Step::default()),
            Ok(Arrival::New) => protocol.store(from, round, body).and_then(|()| {
                if running {
                    run_on(protocol, &self.inbox, Step::default())
                } else {
                    Ok(Step::default())
                }
            }),
        };
        self.conclude(result)
    }

    fn awaited(&self) -> Awaited {
        let mut awaited = self.inbox.awaited();
        if matches!(self.stage, Stage::Done | Stage::Aborted(_)) {
            awaited.parties.clear();
        }
        awaited
    }
}

impl<P: Protocol> fmt::Debug for Driver<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match &self.stage {
            Stage::Prepared(_) => "prepared",
            Stage::Running(_) => "running",
            Stage::Done => "done",
            Stage::Aborted(_) => "aborted",
        };
        f.debug_struct(P::NAME)
            .field("me", &self.inbox.me())
            .field("stage", &stage)
            .field("awaited", &self.awaited())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
