//! Parties that do not keep to the key generation: what the others say.

use std::collections::BTreeMap;

use countersign_parties::engine::{
    Abort, AbortKind, Ceremony, KeygenInput, Outgoing, PartyIndex, Recipient,
};
use countersign_parties::exchange::Message;
use dkls23_secp256k1::protocols::PartyIndex as LibraryIndex;
use dkls23_secp256k1::protocols::dkg::{
    BroadcastDerivationPhase2to4, BroadcastDerivationPhase3to4, TransmitInitMulPhase3to4,
    TransmitInitZeroSharePhase2to4, TransmitInitZeroSharePhase3to4,
};
use dkls23_secp256k1::utilities::commits::commit;
use dkls23_secp256k1::utilities::proofs::DLogProof;
use k256::{Scalar, Secp256k1};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cheating_sign::meddle;
use crate::network::{Ending, Faults, into_key, keygen_ceremony, keygen_exchange, run};

// The bodies of the rounds, field by field.
type Commitments = ([u8; 32], BroadcastDerivationPhase2to4);
type Openings = (DLogProof<Secp256k1>, BroadcastDerivationPhase3to4);
type PairSetup = (
    TransmitInitZeroSharePhase3to4,
    TransmitInitMulPhase3to4<Secp256k1>,
);

fn input(threshold: u8, parties: u8, me: PartyIndex) -> KeygenInput {
    KeygenInput {
        threshold,
        parties,
        me,
        ceremony_id: [3; 32],
    }
}

fn keygen(
    threshold: u8,
    parties: u8,
    meddle: impl FnMut(PartyIndex, PartyIndex, &mut Message),
) -> BTreeMap<PartyIndex, Ending> {
    let exchanges = (1..=parties)
        .map(|me| (me, keygen_exchange(input(threshold, parties, me))))
        .collect();
    run(exchanges, Faults::NONE, meddle)
}

/// What party 1 of two says when party 2 changes its message of `round`.
fn verdict<T: Serialize + DeserializeOwned>(round: u8, change: impl Fn(&mut T)) -> Abort {
    let mut endings = keygen(2, 2, meddle(2, 1, round, change));
    endings.remove(&1).expect("it ends").expect_err("it aborts")
}

#[track_caller]
fn assert_blame(abort: &Abort) {
    assert_eq!(abort.kind, AbortKind::Retry, "{abort}");
    assert_eq!(abort.culprits, [2], "{abort}");
}

#[test]
fn a_proof_that_does_not_match_its_commitment_names_the_sender() {
    assert_blame(&verdict(2, |it: &mut Commitments| it.0[0] ^= 1));
    assert_blame(&verdict(4, |it: &mut Openings| it.0.proofs.swap(0, 1)));
}

/// The proof is a good one, of a share that the sender knows, but it is not the
/// one that was committed to: whoever could swap it would choose the key.
#[test]
fn a_good_proof_of_another_share_is_refused() {
    let mut other = None;
    keygen(2, 2, |from, _, message| {
        if let Message::Data { round: 4, body, .. } = message
            && from == 2
        {
            other = Some(postcard::from_bytes::<Openings>(body).expect("decodes").0);
        }
    });
    let other = other.expect("it was sent");
    assert_blame(&verdict(4, move |it: &mut Openings| it.0 = other.clone()));
}

#[test]
fn a_chain_code_that_does_not_match_its_commitment_names_the_sender() {
    assert_blame(&verdict(2, |it: &mut Commitments| {
        it.1.cc_commitment[0] ^= 1;
    }));
    assert_blame(&verdict(4, |it: &mut Openings| it.1.aux_chain_code[0] ^= 1));
}

#[test]
fn a_bad_pair_setup_names_the_sender() {
    assert_blame(&verdict(3, |it: &mut TransmitInitZeroSharePhase2to4| {
        it.commitment[0] ^= 1;
    }));
    let changes: [fn(&mut PairSetup); 6] = [
        |it| it.0.seed[0] ^= 1,
        |it| it.1.seed[0] ^= 1,
        |it| it.1.enc_proofs.truncate(255),
        |it| it.1.enc_proofs.swap(3, 4),
        |it| it.1.dlog_proof.proofs.clear(),
        |it| it.1.dlog_proof.proofs[0].challenge.extend([0; 40]),
    ];
    for change in changes {
        assert_blame(&verdict(5, change));
    }
}

/// Or the library would blame the party that is named.
#[test]
fn a_pair_setup_that_names_other_parties_is_refused() {
    let changes: [fn(&mut PairSetup); 4] = [
        |it| it.0.parties.sender = it.0.parties.receiver,
        |it| it.0.parties.receiver = it.0.parties.sender,
        |it| it.1.parties.sender = it.1.parties.receiver,
        |it| it.1.parties.receiver = it.1.parties.sender,
    ];
    for change in changes {
        assert_blame(&verdict(5, change));
    }
}

#[test]
fn fragments_of_different_polynomials_make_no_key() {
    let endings = keygen(2, 3, meddle(3, 1, 1, |it: &mut Scalar| *it += Scalar::ONE));
    for ending in endings.into_values() {
        let abort = ending.expect_err("it aborts");
        // Points do not lie on one line: nobody can say which is off it.
        assert_eq!(abort.kind, AbortKind::Retry);
        assert!(abort.culprits.is_empty());
    }
}

/// A party that tells two peers two things, each of them good, is found out by
/// the hash alone: the key is the same, but its children are not.
#[test]
fn two_chain_codes_of_one_party_leave_different_hashes() {
    let false_code = [8; 32];
    let (false_commitment, false_salt) = commit(&false_code);
    let mut commitments = meddle(3, 1, 2, |it: &mut Commitments| {
        it.1.cc_commitment = false_commitment;
    });
    let mut openings = meddle(3, 1, 4, |it: &mut Openings| {
        it.1.aux_chain_code = false_code;
        it.1.cc_salt = false_salt.clone();
    });
    let endings = keygen(2, 3, |from, to, message| {
        commitments(from, to, message);
        openings(from, to, message);
    });
    let keys: Vec<_> = endings.into_values().map(into_key).collect();
    assert_eq!(keys[0].public_key, keys[1].public_key);
    assert_ne!(keys[0].chain_code, keys[1].chain_code);
    assert_ne!(keys[0].broadcast_hash, keys[1].broadcast_hash);
    assert_eq!(keys[1].broadcast_hash, keys[2].broadcast_hash);
}

fn body(outgoing: &[Outgoing], to: Recipient) -> &[u8] {
    &outgoing.iter().find(|it| it.to == to).expect("sent").body
}

/// Brings parties 1 and 2 of two to their commitments.
fn committed() -> ([Box<dyn Ceremony>; 2], [Vec<Outgoing>; 2]) {
    let mut ceremonies = [1, 2].map(|me| keygen_ceremony(input(2, 2, me)));
    let [mut one, mut two] = ceremonies.each_mut().map(|it| it.start().unwrap().outgoing);
    let fragments = [body(&two, Recipient::One(1)), body(&one, Recipient::One(2))].map(Vec::from);
    one = ceremonies[0].handle(2, 1, &fragments[0]).unwrap().outgoing;
    two = ceremonies[1].handle(1, 1, &fragments[1]).unwrap().outgoing;
    (ceremonies, [one, two])
}

#[test]
fn copied_commitments_name_the_copyist() {
    let copies: [fn(&mut Commitments, &Commitments); 2] = [
        |copy, original| copy.0 = original.0,
        |copy, original| copy.1.cc_commitment = original.1.cc_commitment,
    ];
    for copy in copies {
        let ([mut one, _], [from_one, from_two]) = committed();
        let original = postcard::from_bytes(body(&from_one, Recipient::All)).unwrap();
        let mut commitments = postcard::from_bytes(body(&from_two, Recipient::All)).unwrap();
        copy(&mut commitments, &original);
        let copied = postcard::to_allocvec(&commitments).unwrap();
        one.handle(2, 2, &copied).unwrap();
        let zero = body(&from_two, Recipient::One(1));
        assert_blame(&one.handle(2, 3, zero).unwrap_err());
    }
}

#[test]
fn commitments_in_anothers_name_are_refused() {
    let ([mut one, _], [_, from_two]) = committed();
    let mut commitments: Commitments =
        postcard::from_bytes(body(&from_two, Recipient::All)).unwrap();
    commitments.1.sender_index = LibraryIndex::new(1).unwrap();
    let forged = postcard::to_allocvec(&commitments).unwrap();
    assert_blame(&one.handle(2, 2, &forged).unwrap_err());
}
