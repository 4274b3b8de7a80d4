use super::*;
use crate::engine::{AbortKind, EngineSignature, Outcome, Recipient};
use zeroize::Zeroizing;

/// Two rounds of one byte each; the outcome is what it heard.
#[derive(Default)]
struct Echo {
    heard: Vec<(PartyIndex, u8, u8)>,
    next: u8,
}

impl Echo {
    fn say(round: u8) -> Vec<Outgoing> {
        vec![Outgoing {
            to: Recipient::All,
            round,
            body: Zeroizing::new(vec![round]),
        }]
    }
}

impl Protocol for Echo {
    const NAME: &'static str = "Echo";
    const MAX_BODY: &'static [usize] = &[4, 4];

    fn begin(&mut self) -> Result<Vec<Outgoing>, Abort> {
        self.next = 1;
        Ok(Self::say(1))
    }

    fn store(&mut self, from: PartyIndex, round: u8, body: &[u8]) -> Result<(), Abort> {
        let &[byte] = body else {
            return Err(Abort::blame(from, round, "message does not decode"));
        };
        self.heard.push((from, round, byte));
        Ok(())
    }

    fn advance(&mut self, complete: u8) -> Result<Option<Step>, Abort> {
        if complete < self.next {
            return Ok(None);
        }
        self.next += 1;
        if self.next == 2 {
            return Ok(Some(Step {
                outgoing: Self::say(2),
                outcome: None,
            }));
        }
        Ok(Some(Step {
            outgoing: Vec::new(),
            outcome: Some(Outcome::Signature(EngineSignature {
                r: [self.heard.len() as u8; 32],
                s: [0; 32],
                v: 0,
                public_key: [2; 33],
            })),
        }))
    }
}

/// Party 2 of 1, 2 and 3.
fn ceremony() -> Driver<Echo> {
    Driver::new(2, vec![1, 3], Echo::default())
}

fn started() -> Driver<Echo> {
    let mut ceremony = ceremony();
    let step = ceremony.start().unwrap();
    assert_eq!(step.outgoing.len(), 1);
    ceremony
}

fn awaits(ceremony: &Driver<Echo>, round: u8, parties: &[PartyIndex]) {
    let parties = parties.to_vec();
    assert_eq!(ceremony.awaited(), Awaited { round, parties });
}

#[test]
fn a_round_is_taken_when_its_last_message_is_there() {
    let mut ceremony = started();
    awaits(&ceremony, 1, &[1, 3]);
    assert!(ceremony.handle(3, 1, &[9]).unwrap().outgoing.is_empty());
    awaits(&ceremony, 1, &[1]);
    let step = ceremony.handle(1, 1, &[9]).unwrap();
    assert_eq!(step.outgoing[0].round, 2);
    awaits(&ceremony, 2, &[1, 3]);
}

#[test]
fn early_rounds_and_messages_before_the_start_are_kept() {
    let mut ceremony = ceremony();
    for (from, round) in [(3, 2), (1, 2), (3, 1), (1, 1)] {
        let step = ceremony.handle(from, round, &[round]).unwrap();
        assert!(step.outgoing.is_empty() && step.outcome.is_none());
    }
    let step = ceremony.start().unwrap();
    let rounds: Vec<u8> = step.outgoing.iter().map(|it| it.round).collect();
    assert_eq!(rounds, [1, 2], "what peers still need goes out as well");
    assert!(matches!(
        step.outcome,
        Some(Outcome::Signature(EngineSignature { r, .. })) if r == [4; 32]
    ));
    awaits(&ceremony, 2, &[]);
}

#[test]
fn the_same_message_again_changes_nothing() {
    let mut ceremony = started();
    ceremony.handle(1, 1, &[9]).unwrap();
    let step = ceremony.handle(1, 1, &[9]).unwrap();
    assert!(step.outgoing.is_empty() && step.outcome.is_none());
    awaits(&ceremony, 1, &[3]);
}

#[test]
fn a_different_message_in_the_same_round_is_equivocation() {
    let mut ceremony = started();
    ceremony.handle(1, 1, &[9]).unwrap();
    ceremony.handle(3, 1, &[9]).unwrap();
    // Also when the round has been taken long since.
    let abort = ceremony.handle(1, 1, &[8]).unwrap_err();
    assert_eq!(abort.kind, AbortKind::Retry);
    assert_eq!(abort.culprits, [1]);
    assert!(abort.reason.contains("equivocation"), "{abort}");
}

#[test]
fn outsiders_unknown_rounds_and_bad_bodies_name_their_sender() {
    for (from, round, body) in [
        (4, 1, &[1][..]),
        (0, 1, &[1]),
        (255, 1, &[1]),
        (1, 0, &[1]),
        (1, 3, &[1]),
        (1, 255, &[1]),
        (1, 1, &[1; 5]),
        (1, 1, &[1; 2]),
        (1, 1, &[]),
    ] {
        let abort = started().handle(from, round, body).unwrap_err();
        assert_eq!(abort.kind, AbortKind::Retry, "{from} {round} {body:?}");
        assert_eq!(abort.culprits, [from], "{from} {round} {body:?}");
        assert_eq!(abort.round, round, "{from} {round} {body:?}");
    }
}

#[test]
fn an_oversized_body_is_not_even_decoded() {
    for (bytes, reason) in [(4, "does not decode"), (5, "at most 4")] {
        let abort = started().handle(1, 1, &vec![1; bytes]).unwrap_err();
        assert!(abort.reason.contains(reason), "{abort}");
    }
}

#[test]
fn an_own_message_is_the_callers_mistake() {
    let abort = started().handle(2, 1, &[1]).unwrap_err();
    assert_eq!(abort.kind, AbortKind::Fatal);
    assert!(abort.culprits.is_empty());
}

#[test]
fn an_abort_is_final() {
    let mut ceremony = started();
    let abort = ceremony.handle(1, 3, &[1]).unwrap_err();
    assert_eq!(ceremony.handle(3, 1, &[1]).unwrap_err(), abort);
    assert_eq!(ceremony.start().unwrap_err(), abort);
    awaits(&ceremony, 1, &[]);
}

#[test]
fn a_ceremony_starts_once() {
    let mut ceremony = started();
    assert_eq!(ceremony.start().unwrap_err().kind, AbortKind::Fatal);
    assert_eq!(
        ceremony.handle(1, 1, &[1]).unwrap_err().kind,
        AbortKind::Fatal
    );
}

#[test]
fn nothing_disturbs_a_ceremony_that_is_done() {
    let mut ceremony = started();
    let mut outcomes = 0;
    for (from, round) in [(1, 1), (3, 1), (1, 2), (3, 2)] {
        outcomes += u8::from(
            ceremony
                .handle(from, round, &[round])
                .unwrap()
                .outcome
                .is_some(),
        );
    }
    assert_eq!(outcomes, 1);
    for (from, round, body) in [(1, 1, 1), (1, 1, 7), (9, 1, 1), (1, 9, 1)] {
        let step = ceremony.handle(from, round, &[body]).unwrap();
        assert!(step.outgoing.is_empty() && step.outcome.is_none());
    }
}
