use zeroize::Zeroizing;

use super::*;
use crate::engine::{EngineSignature, Outgoing};

/// Says something to all and to each, and is done when it hears from party 3.
#[derive(Debug, Default)]
struct Fake {
    done: bool,
}

fn outgoing(to: Recipient, round: u8, byte: u8) -> Outgoing {
    Outgoing {
        to,
        round,
        body: Zeroizing::new(vec![byte]),
    }
}

impl Ceremony for Fake {
    fn start(&mut self) -> Result<Step, Abort> {
        Ok(Step {
            outgoing: vec![
                outgoing(Recipient::One(1), 1, 11),
                outgoing(Recipient::One(3), 1, 13),
                outgoing(Recipient::All, 2, 20),
            ],
            outcome: None,
        })
    }

    fn handle(&mut self, from: PartyIndex, round: u8, _: &[u8]) -> Result<Step, Abort> {
        match from {
            3 => {
                self.done = true;
                Ok(Step {
                    outgoing: vec![outgoing(Recipient::All, 3, 30)],
                    outcome: Some(Outcome::Signature(EngineSignature {
                        r: [1; 32],
                        s: [1; 32],
                        v: 0,
                        public_key: [2; 33],
                    })),
                })
            }
            1 => Ok(Step::default()),
            _ => Err(Abort::blame(from, round, "sender is not in the ceremony")),
        }
    }

    fn awaited(&self) -> Awaited {
        Awaited {
            round: 2,
            parties: if self.done { vec![] } else { vec![1, 3] },
        }
    }
}

/// Party 2 of 1, 2 and 3.
fn started() -> Exchange {
    let mut exchange = Exchange::new(Box::new(Fake::default()), 2, vec![1, 3]);
    assert_eq!(exchange.start().unwrap().sends.len(), 3);
    exchange
}

fn data(round: u8) -> Message {
    Message::Data {
        round,
        body: Zeroizing::new(vec![0]),
    }
}

fn ask(exchange: &mut Exchange, from: PartyIndex, round: u8) -> Vec<Send> {
    let message = Message::Resend { round };
    exchange.receive(from, message).unwrap().sends
}

fn sent(to: PartyIndex, round: u8, byte: u8) -> Send {
    Send {
        to: Recipient::One(to),
        message: Message::Data {
            round,
            body: Zeroizing::new(vec![byte]),
        },
    }
}

#[test]
fn a_request_is_answered_with_the_peers_own_message_only() {
    let mut exchange = started();
    assert_eq!(ask(&mut exchange, 1, 1), [sent(1, 1, 11)]);
    assert_eq!(ask(&mut exchange, 3, 1), [sent(3, 1, 13)]);
    assert_eq!(ask(&mut exchange, 3, 2), [sent(3, 2, 20)]);
}

#[test]
fn rounds_to_come_unknown_rounds_and_outsiders_are_not_answered() {
    let mut exchange = started();
    for (from, round) in [(1, 3), (1, 0), (1, 200), (4, 1), (4, 2), (2, 1), (2, 2)] {
        assert_eq!(ask(&mut exchange, from, round), [], "{from} {round}");
    }
    // Asking too early has not used up an answer.
    for _ in 0..200 {
        assert_eq!(ask(&mut exchange, 1, 3), []);
    }
    exchange.receive(3, data(1)).unwrap();
    assert_eq!(ask(&mut exchange, 1, 3), [sent(1, 3, 30)]);
}

#[test]
fn a_peer_cannot_draw_answers_without_end() {
    let mut exchange = started();
    let answers: usize = (0..1000).map(|_| ask(&mut exchange, 1, 1).len()).sum();
    assert_eq!(answers, usize::from(MAX_ANSWERS));
    assert_eq!(ask(&mut exchange, 1, 2).len(), 1, "another round");
    assert_eq!(ask(&mut exchange, 3, 1).len(), 1, "another peer");
}

#[test]
fn the_awaited_are_asked_until_the_end() {
    let mut exchange = started();
    let requests = [1, 3].map(|party| Send {
        to: Recipient::One(party),
        message: Message::Resend { round: 2 },
    });
    assert_eq!(exchange.tick(), requests);
    exchange.receive(3, data(1)).unwrap();
    assert_eq!(exchange.tick(), []);
}

#[test]
fn requests_are_answered_after_the_outcome() {
    let mut exchange = started();
    let progress = exchange.receive(3, data(1)).unwrap();
    assert!(progress.outcome.is_some());
    assert_eq!(ask(&mut exchange, 1, 1), [sent(1, 1, 11)]);
    assert_eq!(ask(&mut exchange, 1, 3), [sent(1, 3, 30)]);
}

#[test]
fn nothing_is_answered_or_asked_after_an_abort() {
    let mut exchange = started();
    let abort = exchange.receive(4, data(1)).unwrap_err();
    assert_eq!(abort.culprits, [4]);
    assert_eq!(ask(&mut exchange, 1, 1), []);
    assert_eq!(exchange.tick(), []);
}

#[test]
fn messages_survive_encoding_and_hide_their_bodies() {
    let messages = [sent(1, 7, 201).message, Message::Resend { round: 9 }];
    for message in &messages {
        let bytes = postcard::to_allocvec(message).unwrap();
        assert_eq!(&postcard::from_bytes::<Message>(&bytes).unwrap(), message);
        assert!(!format!("{message:?}").contains("201"), "{message:?}");
    }
}
