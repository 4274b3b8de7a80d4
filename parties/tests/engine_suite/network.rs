//! A network in memory that loses, repeats, delays and reorders, as a seed says.

use std::collections::BTreeMap;

use countersign_parties::engine::{
    Abort, Ceremony, Dkls23, Engine, GeneratedKey, KeygenInput, Outcome, PartyIndex, Recipient,
    SecretShare, SignInput,
};
use countersign_parties::exchange::{Exchange, Message, Send};

/// Sebastiano Vigna's splitmix64: small, and the same on every machine.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// How bad the network is, in percent of all messages; delays in steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    pub(crate) seed: u64,
    pub(crate) loss: u64,
    pub(crate) duplication: u64,
    pub(crate) delay: u64,
}

impl Faults {
    pub(crate) const NONE: Self = Self {
        seed: 0,
        loss: 0,
        duplication: 0,
        delay: 1,
    };
}

pub(crate) type Ending = Result<Outcome, Abort>;

/// Runs the exchanges until all have ended or nothing moves any more. `meddle`
/// sees each message on its first way and may change it.
pub(crate) fn run(
    mut exchanges: BTreeMap<PartyIndex, Exchange>,
    faults: Faults,
    mut meddle: impl FnMut(PartyIndex, PartyIndex, &mut Message),
) -> BTreeMap<PartyIndex, Ending> {
    let parties: Vec<PartyIndex> = exchanges.keys().copied().collect();
    let mut dice = Dice(faults.seed);
    let mut endings = BTreeMap::new();
    let mut in_flight: BTreeMap<(u64, u64), (PartyIndex, PartyIndex, Vec<u8>)> = BTreeMap::new();
    let (mut now, mut number) = (0_u64, 0_u64);

    let mut post = |in_flight: &mut BTreeMap<_, _>, now: u64, from, sends: Vec<Send>| {
        for send in sends {
            let receivers = match send.to {
                Recipient::One(to) => vec![to],
                Recipient::All => parties.iter().copied().filter(|&to| to != from).collect(),
            };
            for to in receivers {
                let mut message = send.message.clone();
                meddle(from, to, &mut message);
                let bytes = postcard::to_allocvec(&message).expect("encodes");
                let copies = 1 + u64::from(dice.percent(faults.duplication));
                for _ in 0..copies {
                    if !dice.percent(faults.loss) {
                        number += 1;
                        let due = now + 1 + dice.below(faults.delay);
                        in_flight.insert((due, number), (from, to, bytes.clone()));
                    }
                }
            }
        }
    };

    for (&party, exchange) in &mut exchanges {
        match exchange.start() {
            Ok(progress) => post(&mut in_flight, now, party, progress.sends),
            Err(abort) => drop(endings.insert(party, Err(abort))),
        }
    }
    let mut quiet = 0;
    while endings.len() < parties.len() && quiet < 200 {
        let Some(((due, _), (from, to, bytes))) = in_flight.pop_first() else {
            quiet += 1;
            for (&party, exchange) in &mut exchanges {
                let requests = exchange.tick();
                post(&mut in_flight, now, party, requests);
            }
            continue;
        };
        now = due;
        let message: Message = postcard::from_bytes(&bytes).expect("decodes");
        let exchange = exchanges.get_mut(&to).expect("a party");
        match exchange.receive(from, message) {
            Ok(progress) => {
                post(&mut in_flight, now, to, progress.sends);
                if let Some(outcome) = progress.outcome {
                    assert!(endings.insert(to, Ok(outcome)).is_none(), "two endings");
                }
            }
            Err(abort) => {
                endings.entry(to).or_insert(Err(abort));
            }
        }
    }
    endings
}

/// Prepares one party's exchange for a keygen.
pub(crate) fn keygen_exchange(input: KeygenInput) -> Exchange {
    let peers = (1..=input.parties).filter(|&it| it != input.me).collect();
    Exchange::new(keygen_ceremony(input), input.me, peers)
}

pub(crate) fn keygen_ceremony(input: KeygenInput) -> Box<dyn Ceremony> {
    Dkls23.keygen(input).expect("input is good")
}

/// Prepares one party's exchange for a signing.
pub(crate) fn sign_exchange(me: PartyIndex, input: SignInput<'_>) -> Exchange {
    let peers = input
        .signers
        .iter()
        .copied()
        .filter(|&it| it != me)
        .collect();
    let ceremony = Dkls23.sign(input).expect("input is good");
    Exchange::new(ceremony, me, peers)
}

/// What each signer's part of a signing is.
pub(crate) fn signing(
    shares: &BTreeMap<PartyIndex, SecretShare>,
    signers: &[PartyIndex],
    path: &[u32],
    digest: [u8; 32],
    ceremony_id: [u8; 32],
) -> BTreeMap<PartyIndex, Exchange> {
    signers
        .iter()
        .map(|&me| {
            let input = SignInput {
                share: &shares[&me],
                signers,
                path,
                digest,
                ceremony_id,
            };
            (me, sign_exchange(me, input))
        })
        .collect()
}

pub(crate) fn into_key(ending: Ending) -> GeneratedKey {
    match ending.expect("no abort") {
        Outcome::Key(key) => key,
        Outcome::Signature(_) => panic!("a signature from a keygen"),
    }
}
