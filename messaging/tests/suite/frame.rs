//! Protocol frames: what comes out, and all that is refused.

use countersign_domain::ids::SessionId;
use countersign_messaging::IdentityKeys;
use countersign_messaging::frame::{
    FrameError, FrameHeader, FrameKind, MAX_FRAME, open_frame, peek_header, seal_frame,
};
use ed25519_dalek::Signer as _;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::fixture::{Parties, Party, SESSION, parties};

const ATTEMPT: u32 = 300;
const SECRET: &[u8] = b"a polynomial fragment that nobody else may see";

/// From alpha, to bravo or to all.
fn header(p: &Parties, broadcast: bool) -> FrameHeader {
    FrameHeader {
        session: SESSION,
        attempt: ATTEMPT,
        from: p.alpha.id.clone(),
        to: (!broadcast).then(|| p.bravo.id.clone()),
        round: 2,
        kind: FrameKind::Data,
    }
}

fn frame(p: &Parties, broadcast: bool, body: &[u8]) -> Vec<u8> {
    let bravo = p.bravo.identity();
    let recipient = (!broadcast).then_some(&bravo);
    seal_frame(&header(p, broadcast), body, &p.alpha.keys, recipient).expect("a legal frame")
}

/// Bravo opens it.
fn open(p: &Parties, bytes: &[u8]) -> Result<(FrameHeader, Zeroizing<Vec<u8>>), FrameError> {
    let members = p.members();
    open_frame(
        bytes,
        &p.bravo.id,
        &p.bravo.keys,
        &members,
        SESSION,
        ATTEMPT,
    )
}

/// Everything up to the body, and the body.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let head = 3 + usize::from(u16::from_be_bytes([bytes[1], bytes[2]]));
    (&bytes[..head], &bytes[head..bytes.len() - 64])
}

/// The same body and signature under another header.
fn with_header(bytes: &[u8], header: &FrameHeader) -> Vec<u8> {
    let old = split(bytes).0.len();
    let encoded = postcard::to_stdvec(header).expect("into memory");
    let length = u16::try_from(encoded.len()).expect("short");
    [&bytes[..1], &length.to_be_bytes(), &encoded, &bytes[old..]].concat()
}

#[test]
fn a_frame_comes_out_as_it_went_in() {
    let p = parties();
    for broadcast in [false, true] {
        for body in [SECRET, b""] {
            let bytes = frame(&p, broadcast, body);
            let (header_out, body_out) = open(&p, &bytes).unwrap();
            assert_eq!(header_out, header(&p, broadcast));
            assert_eq!(&body_out[..], body);
            assert_eq!(peek_header(&bytes).unwrap(), header_out);
        }
    }
}

#[test]
fn a_body_to_one_party_is_not_on_the_wire() {
    let p = parties();
    let bytes = frame(&p, false, SECRET);
    for piece in SECRET.windows(8) {
        assert!(!bytes.windows(8).any(|window| window == piece));
    }
    assert_ne!(bytes, frame(&p, false, SECRET), "sealed afresh each time");
    let clear = frame(&p, true, SECRET);
    assert!(clear.windows(SECRET.len()).any(|window| window == SECRET));
}

#[test]
fn every_field_of_the_header_is_signed() {
    let p = parties();
    for broadcast in [false, true] {
        let bytes = frame(&p, broadcast, SECRET);
        let honest = header(&p, broadcast);
        assert!(open(&p, &with_header(&bytes, &honest)).is_ok());

        let mut changed = honest.clone();
        changed.session = SessionId(Uuid::from_u128(8));
        let refused = open(&p, &with_header(&bytes, &changed));
        assert!(matches!(refused, Err(FrameError::Session(s)) if s == changed.session));
        assert_signature_fails(&p, &bytes, &changed);

        let mut changed = honest.clone();
        changed.attempt += 1;
        let refused = open(&p, &with_header(&bytes, &changed));
        assert!(matches!(refused, Err(FrameError::Attempt(a)) if a == ATTEMPT + 1));
        assert_signature_fails(&p, &bytes, &changed);

        let mut changed = honest.clone();
        changed.from = p.charlie.id.clone();
        assert_signature_fails(&p, &bytes, &changed);

        let mut changed = honest.clone();
        changed.to = broadcast.then(|| p.bravo.id.clone());
        assert_signature_fails(&p, &bytes, &changed);

        let mut changed = honest.clone();
        changed.round += 1;
        assert_signature_fails(&p, &bytes, &changed);

        for kind in [FrameKind::Resend, FrameKind::Confirm] {
            let mut changed = honest.clone();
            changed.kind = kind;
            assert_signature_fails(&p, &bytes, &changed);
        }
    }
}

/// Even a receiver that expects just this session and attempt, among all the
/// parties, refuses it.
fn assert_signature_fails(p: &Parties, bytes: &[u8], changed: &FrameHeader) {
    let all = [&p.alpha, &p.bravo, &p.charlie].map(|party| party.id.clone());
    let members = p.roster.members(&all).expect("all are pinned");
    let refused = open_frame(
        &with_header(bytes, changed),
        &p.bravo.id,
        &p.bravo.keys,
        &members,
        changed.session,
        changed.attempt,
    );
    assert!(
        matches!(&refused, Err(FrameError::Signature { party, .. }) if *party == changed.from),
        "{changed:?}: {refused:?}"
    );
}

#[test]
fn a_frame_is_for_its_receiver_only() {
    let p = parties();
    let bytes = frame(&p, false, SECRET);
    let members = p.members();
    let (charlie, keys) = (&p.charlie.id, &p.charlie.keys);
    let refused = open_frame(&bytes, charlie, keys, &members, SESSION, ATTEMPT);
    assert!(matches!(refused, Err(FrameError::Addressee(to)) if to == p.bravo.id));
    // Charlie who claims to be bravo still lacks bravo's seal key.
    let refused = open_frame(&bytes, &p.bravo.id, keys, &members, SESSION, ATTEMPT);
    let error = refused.unwrap_err();
    assert!(matches!(error, FrameError::Open { .. }), "{error}");
    assert!(error.is_senders_fault());
    // Alpha gets its own frames back.
    for bytes in [bytes, frame(&p, true, SECRET)] {
        let (alpha, keys) = (&p.alpha.id, &p.alpha.keys);
        let refused = open_frame(&bytes, alpha, keys, &members, SESSION, ATTEMPT);
        assert!(matches!(refused, Err(FrameError::Reflected)));
    }
}

#[test]
fn only_members_are_heard() {
    let p = parties();
    for party in [&p.charlie, &p.outsider] {
        let mut spoken = header(&p, true);
        spoken.from = party.id.clone();
        let bytes = seal_frame(&spoken, b"hello", &party.keys, None).unwrap();
        let refused = open(&p, &bytes).unwrap_err();
        assert!(matches!(&refused, FrameError::NotAMember(who) if *who == party.id));
        assert!(!refused.is_senders_fault());
        // Nor in another's name.
        let bytes = seal_frame(&header(&p, true), b"hello", &party.keys, None).unwrap();
        let refused = open(&p, &bytes).unwrap_err();
        assert!(matches!(&refused, FrameError::Signature { party, .. } if *party == p.alpha.id));
        assert!(!refused.is_senders_fault());
    }
}

/// A frame of these parts, signed by anybody: what a cheating member can make.
fn signed_by(keys: &IdentityKeys, head: &[u8], body: &[u8]) -> Vec<u8> {
    const TAG: &str = "countersign-frame-v1";
    let mut hash = Sha256::new();
    for part in [TAG.as_bytes(), head, body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let input = [TAG.as_bytes(), b"\n", &hash.finalize()].concat();
    let signature = keys.sign.sign(&input).to_bytes();
    [head, body, &signature].concat()
}

#[test]
fn a_sealed_body_cannot_be_passed_on_under_another_name() {
    let p = parties();
    let all = [&p.alpha, &p.bravo, &p.charlie].map(|party| party.id.clone());
    let members = p.roster.members(&all).unwrap();
    let (bravo, keys) = (&p.bravo.id, &p.bravo.keys);
    let honest = frame(&p, false, SECRET);
    let (head, body) = split(&honest);
    let again = signed_by(&p.alpha.keys, head, body);
    assert_eq!(again, honest, "this is how frames are signed");

    // Charlie, a member here, signs alpha's ciphertext as its own.
    let mut stolen = header(&p, false);
    stolen.from = p.charlie.id.clone();
    let renamed = with_header(&honest, &stolen);
    let (head, body) = split(&renamed);
    let passed_on = signed_by(&p.charlie.keys, head, body);
    let refused = open_frame(&passed_on, bravo, keys, &members, SESSION, ATTEMPT);
    assert!(
        matches!(&refused, Err(FrameError::Open { party, .. }) if *party == p.charlie.id),
        "{refused:?}"
    );
}

#[test]
fn a_header_has_one_encoding() {
    let p = parties();
    let honest = frame(&p, true, b"body");
    let (head, body) = split(&honest);
    // The attempt, 300, is the varint ac 02 after the session; ac 82 00 reads the same.
    let varint = 3 + 17;
    assert_eq!(head[varint..varint + 2], [0xac, 0x02]);
    let longer = [&head[3..=varint], &[0x82, 0x00], &head[varint + 2..]].concat();
    let length = u16::try_from(longer.len()).unwrap().to_be_bytes();
    let head = [&head[..1], &length, &longer].concat();
    let refused = open(&p, &signed_by(&p.alpha.keys, &head, body));
    assert!(
        matches!(refused, Err(FrameError::NotCanonical)),
        "{refused:?}"
    );
}

#[test]
fn a_frame_is_made_for_the_recipient_that_its_header_names() {
    let p = parties();
    let [bravo, charlie] = [&p.bravo, &p.charlie].map(Party::identity);
    let [to_one, to_all] = [false, true].map(|broadcast| header(&p, broadcast));
    for (header, recipient) in [
        (&to_one, None),
        (&to_one, Some(&charlie)),
        (&to_all, Some(&bravo)),
    ] {
        let refused = seal_frame(header, SECRET, &p.alpha.keys, recipient);
        assert!(matches!(refused, Err(FrameError::Recipient)));
    }
}

#[test]
fn oversized_frames_are_neither_made_nor_read() {
    let p = parties();
    let made = seal_frame(&header(&p, true), &vec![0; MAX_FRAME], &p.alpha.keys, None);
    assert!(matches!(made, Err(FrameError::TooLarge(_))));
    let read = open(&p, &vec![1; MAX_FRAME + 1]);
    assert!(matches!(read, Err(FrameError::TooLarge(_))));
}

#[test]
fn every_bit_of_a_frame_counts() {
    let p = parties();
    for broadcast in [false, true] {
        let honest = frame(&p, broadcast, b"body");
        for at in 0..honest.len() {
            for bit in 0..8 {
                let mut changed = honest.clone();
                changed[at] ^= 1 << bit;
                let refused = open(&p, &changed);
                assert!(refused.is_err(), "byte {at} bit {bit}");
            }
            assert!(open(&p, &honest[..at]).is_err(), "cut at {at}");
        }
        assert!(open(&p, &[&honest[..], b"x"].concat()).is_err());
    }
}

#[test]
fn other_versions_and_kinds_are_named() {
    let p = parties();
    let mut bytes = frame(&p, true, b"body");
    bytes[0] = 2;
    assert!(matches!(peek_header(&bytes), Err(FrameError::Version(2))));
    assert!(matches!(FrameKind::try_from(9), Err(FrameError::Kind(9))));
    for kind in [FrameKind::Data, FrameKind::Resend, FrameKind::Confirm] {
        assert_eq!(FrameKind::try_from(u8::from(kind)).unwrap(), kind);
    }
}

proptest! {
    #[test]
    fn any_body_survives_and_no_changed_byte_does(
        body in proptest::collection::vec(any::<u8>(), 0..2000),
        broadcast: bool,
        at: prop::sample::Index,
        mask in 1u8..,
    ) {
        let p = parties();
        let mut bytes = frame(&p, broadcast, &body);
        prop_assert_eq!(&open(&p, &bytes).unwrap().1[..], &body[..]);
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
        prop_assert!(open(&p, &bytes).is_err());
    }

    #[test]
    fn noise_is_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let p = parties();
        prop_assert!(open(&p, &bytes).is_err());
        let versioned = [&[1, 0][..], &bytes].concat();
        prop_assert!(open(&p, &versioned).is_err());
    }
}
