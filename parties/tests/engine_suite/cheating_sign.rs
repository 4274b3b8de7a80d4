//! Signers that do not keep to the protocol: what their victims say.

use std::collections::BTreeMap;

use countersign_parties::engine::{Abort, AbortKind, Outcome, PartyIndex};
use countersign_parties::exchange::Message;
use dkls23_secp256k1::protocols::signing::{Broadcast3to4, TransmitPhase1to2, TransmitPhase2to3};
use k256::{Scalar, Secp256k1};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::keys::{Key, THREE_OF_FIVE, TWO_OF_TWO};
use crate::network::{Ending, Faults, run, signing};

type Products = TransmitPhase2to3<Secp256k1>;
type Shares = Broadcast3to4<Secp256k1>;

/// Rewrites the messages of `round` that `cheat` sends to `victim`.
pub(crate) fn meddle<T: Serialize + DeserializeOwned>(
    cheat: PartyIndex,
    victim: PartyIndex,
    at: u8,
    change: impl Fn(&mut T),
) -> impl FnMut(PartyIndex, PartyIndex, &mut Message) {
    move |from, to, message| {
        if let Message::Data { round, body, .. } = message
            && (from, to, *round) == (cheat, victim, at)
        {
            let mut content = postcard::from_bytes(body).expect("decodes");
            change(&mut content);
            **body = postcard::to_allocvec(&content).expect("encodes");
        }
    }
}

fn sign(
    key: &Key,
    signers: &[PartyIndex],
    meddle: impl FnMut(PartyIndex, PartyIndex, &mut Message),
) -> BTreeMap<PartyIndex, Ending> {
    let exchanges = signing(&key.shares, signers, &[], [5; 32], [6; 32]);
    run(exchanges, Faults::NONE, meddle)
}

/// What party 1 says when party 2 changes its message of `round`.
fn verdict<T: Serialize + DeserializeOwned>(round: u8, change: impl Fn(&mut T)) -> Abort {
    let mut endings = sign(&TWO_OF_TWO, &[1, 2], meddle(2, 1, round, change));
    endings.remove(&1).expect("it ends").expect_err("it aborts")
}

#[track_caller]
fn assert_ban(abort: &Abort) {
    assert_eq!(abort.kind, AbortKind::Ban(2), "{abort}");
    assert_eq!(abort.culprits, [2], "{abort}");
}

#[track_caller]
fn assert_blame(abort: &Abort) {
    assert_eq!(abort.kind, AbortKind::Retry, "{abort}");
    assert_eq!(abort.culprits, [2], "{abort}");
}

#[test]
fn cheating_in_the_ot_extension_is_a_ban() {
    let flips: [fn(&mut TransmitPhase1to2); 5] = [
        |it| it.mul_transmit.u[0][0] ^= 1,
        |it| it.mul_transmit.u[255][77] ^= 0x80,
        |it| it.mul_transmit.verify_x[3] ^= 1,
        |it| it.mul_transmit.verify_t[200][25] ^= 1,
        |it| it.mul_transmit.nonce[0] ^= 1,
    ];
    for flip in flips {
        let abort = verdict(1, flip);
        assert_ban(&abort);
        assert_eq!(abort.round, 1);
    }
}

#[test]
fn an_ot_extension_of_the_wrong_shape_is_refused() {
    assert_ban(&verdict(1, |it: &mut TransmitPhase1to2| {
        it.mul_transmit.verify_t.pop();
    }));
    assert_blame(&verdict(1, |it: &mut TransmitPhase1to2| {
        it.mul_transmit.u.pop();
    }));
}

#[test]
fn cheating_in_the_multiplication_is_a_ban() {
    let changes: [fn(&mut Products); 6] = [
        |it| it.mul_transmit.vector_of_tau[0][0] += Scalar::ONE,
        |it| it.mul_transmit.verify_r[0] ^= 1,
        |it| it.mul_transmit.verify_u[1] += Scalar::ONE,
        |it| it.mul_transmit.gamma_sender[0] += Scalar::ONE,
        |it| it.gamma_u = it.gamma_v,
        |it| it.gamma_v = it.gamma_u,
    ];
    for change in changes {
        let abort = verdict(2, change);
        assert_ban(&abort);
        assert_eq!(abort.round, 2);
    }
}

#[test]
fn products_of_the_wrong_shape_are_a_ban() {
    let changes: [fn(&mut Products); 6] = [
        |it| drop(it.mul_transmit.vector_of_tau.pop()),
        |it| it.mul_transmit.vector_of_tau.clear(),
        |it| it.mul_transmit.vector_of_tau[3].truncate(415),
        |it| it.mul_transmit.verify_u.clear(),
        |it| it.mul_transmit.gamma_sender.truncate(1),
        |it| it.mul_transmit.gamma_sender.push(Scalar::ONE),
    ];
    for change in changes {
        assert_ban(&verdict(2, change));
    }
}

#[test]
fn an_opening_that_does_not_fit_its_commitment_names_the_sender() {
    let changes: [fn(&mut Products); 4] = [
        |it| it.psi += Scalar::ONE,
        |it| it.instance_point = it.public_share,
        |it| it.salt[0] ^= 1,
        |it| it.salt.clear(),
    ];
    for change in changes {
        assert_blame(&verdict(2, change));
    }
    assert_blame(&verdict(1, |it: &mut TransmitPhase1to2| {
        it.commitment[0] ^= 1;
    }));
}

#[test]
fn messages_of_another_session_name_the_sender_and_burn_nothing() {
    assert_blame(&verdict(1, |it: &mut TransmitPhase1to2| {
        it.session_binding[0] ^= 1;
    }));
    assert_blame(&verdict(2, |it: &mut Products| it.session_binding[31] ^= 1));
}

#[test]
fn messages_that_name_other_parties_are_refused() {
    for round in [1, 2] {
        for position in [0, 1] {
            let abort = match round {
                1 => verdict(1, |it: &mut TransmitPhase1to2| {
                    swap(&mut it.parties, position);
                }),
                _ => verdict(2, |it: &mut Products| swap(&mut it.parties, position)),
            };
            assert_blame(&abort);
        }
    }
}

fn swap(parties: &mut dkls23_secp256k1::protocols::PartiesMessage, position: u8) {
    if position == 0 {
        parties.sender = parties.receiver;
    } else {
        parties.receiver = parties.sender;
    }
}

#[test]
fn a_wrong_share_of_the_signature_yields_none() {
    let changes: [fn(&mut Shares); 3] = [
        |it| it.u += Scalar::ONE,
        |it| it.w += Scalar::ONE,
        |it| it.w = Scalar::ZERO,
    ];
    for change in changes {
        let abort = verdict(3, change);
        // The sum is wrong, not any one part of it.
        assert_eq!(abort.kind, AbortKind::Retry);
        assert!(abort.culprits.is_empty());
        assert_eq!(abort.round, 3);
    }
}

#[test]
fn different_digests_are_a_mismatch_and_not_a_ban() {
    let key = &*TWO_OF_TWO;
    let mut exchanges = signing(&key.shares, &[1, 2], &[], [1; 32], [6; 32]);
    exchanges.extend(signing(&key.shares, &[1, 2], &[], [2; 32], [6; 32]).split_off(&2));
    for (party, ending) in run(exchanges, Faults::NONE, |_, _, _| {}) {
        let abort = ending.expect_err("it aborts");
        assert_eq!(abort.kind, AbortKind::Retry);
        assert_eq!(abort.culprits, [3 - party]);
    }
}

#[test]
fn only_the_victim_bans_and_only_the_cheat() {
    let flip = |it: &mut TransmitPhase1to2| it.mul_transmit.u[7][7] ^= 2;
    let endings = sign(&THREE_OF_FIVE, &[1, 4, 5], meddle(4, 1, 1, flip));
    let aborts: Vec<_> = endings
        .iter()
        .filter_map(|(party, ending)| Some((party, ending.as_ref().err()?)))
        .collect();
    assert_eq!(aborts.len(), 1, "the others wait");
    let (&party, abort) = aborts[0];
    assert_eq!((party, abort.kind), (1, AbortKind::Ban(4)));
    assert!(
        !endings
            .values()
            .any(|it| matches!(it, Ok(Outcome::Signature(_))))
    );
}
