//! Ceremonies on one thread, without network, sealing or disk: the engine alone.

use std::collections::{BTreeMap, VecDeque};

use countersign_parties::engine::{
    Ceremony, Dkls23, Engine as _, EngineSignature, GeneratedKey, KeygenInput, Outcome, PartyIndex,
    Recipient, SignInput,
};

/// What each party got out of a key generation.
pub type Key = BTreeMap<PartyIndex, GeneratedKey>;

/// Runs ceremonies against each other; everything is delivered at once and in
/// order.
///
/// # Panics
/// When a party aborts: all of them are honest here.
#[must_use]
pub fn run(
    mut ceremonies: BTreeMap<PartyIndex, Box<dyn Ceremony>>,
) -> BTreeMap<PartyIndex, Outcome> {
    let parties: Vec<PartyIndex> = ceremonies.keys().copied().collect();
    let mut outcomes = BTreeMap::new();
    let mut queue = VecDeque::new();
    for (&party, ceremony) in &mut ceremonies {
        let step = ceremony.start().expect("honest parties");
        queue.extend(step.outgoing.into_iter().map(|it| (party, it)));
    }
    while let Some((from, message)) = queue.pop_front() {
        for &to in &parties {
            let meant = match message.to {
                Recipient::All => to != from,
                Recipient::One(one) => to == one,
            };
            if !meant {
                continue;
            }
            let ceremony = ceremonies.get_mut(&to).expect("a party");
            let step = ceremony
                .handle(from, message.round, &message.body)
                .expect("honest parties");
            queue.extend(step.outgoing.into_iter().map(|it| (to, it)));
            outcomes.extend(step.outcome.map(|it| (to, it)));
        }
    }
    outcomes
}

/// Generates a key among `parties`.
///
/// # Panics
/// When the engine refuses the quorum.
#[must_use]
pub fn generate(threshold: u8, parties: u8) -> Key {
    let ceremony = |me| {
        let input = KeygenInput {
            threshold,
            parties,
            me,
            ceremony_id: [threshold; 32],
        };
        (me, Dkls23.keygen(input).expect("input is good"))
    };
    run((1..=parties).map(ceremony).collect())
        .into_iter()
        .map(|(party, outcome)| match outcome {
            Outcome::Key(key) => (party, key),
            Outcome::Signature(_) => unreachable!("a keygen makes keys"),
        })
        .collect()
}

/// The input of one signer.
#[must_use]
pub fn sign_input<'a>(
    key: &'a Key,
    me: PartyIndex,
    signers: &'a [PartyIndex],
    digest: [u8; 32],
) -> SignInput<'a> {
    SignInput {
        share: &key[&me].share,
        signers,
        path: &[],
        digest,
        ceremony_id: digest,
    }
}

/// Signs a digest with the first parties of a key, as many as `threshold`; the
/// signature as each of them got it.
///
/// # Panics
/// When the engine refuses the shares.
#[must_use]
pub fn sign(key: &Key, threshold: u8, digest: [u8; 32]) -> Vec<EngineSignature> {
    let signers: Vec<PartyIndex> = (1..=threshold).collect();
    let ceremony = |&me: &PartyIndex| {
        let input = sign_input(key, me, &signers, digest);
        (me, Dkls23.sign(input).expect("input is good"))
    };
    run(signers.iter().map(ceremony).collect())
        .into_values()
        .map(|outcome| match outcome {
            Outcome::Signature(signature) => signature,
            Outcome::Key(_) => unreachable!("signing makes signatures"),
        })
        .collect()
}
