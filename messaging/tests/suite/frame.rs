//! Protocol frames: what comes out, and all that is refused.

use std::sync::Arc;

use countersign_domain::ids::SessionId;
use countersign_domain::roster::Member;
use countersign_messaging::IdentityKeys;
use countersign_messaging::frame::{
    FrameError, FrameHeader, FrameKind, FrameOpener, FrameSealer, MAX_FRAME, peek_header,
};
use proptest::prelude::*;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::fixture::{Parties, Party, SESSION, parties};

mod openings;

const ATTEMPT: u32 = 300;
const PLACE: (SessionId, u32) = (SESSION, ATTEMPT);
const SECRET: &[u8] = b"a polynomial fragment that nobody else may see";

type Opened = Result<(FrameHeader, Zeroizing<Vec<u8>>), FrameError>;

fn sealer(party: &Party) -> FrameSealer {
    FrameSealer::new(party.id.clone(), Arc::clone(&party.keys))
}

fn opener(party: &Party) -> FrameOpener {
    FrameOpener::new(party.id.clone(), Arc::clone(&party.keys))
}

/// The header of [`frame`].
fn header(p: &Parties) -> FrameHeader {
    FrameHeader {
        session: SESSION,
        attempt: ATTEMPT,
        from: p.alpha.id.clone(),
        to: p.bravo.id.clone(),
        round: 2,
        kind: FrameKind::Data,
    }
}

fn seal(sealer: &FrameSealer, to: &Party, body: &[u8]) -> Vec<u8> {
    sealer
        .seal(PLACE, &to.identity(), FrameKind::Data, 2, body)
        .expect("a legal frame")
}

/// From alpha to bravo.
fn frame(p: &Parties, body: &[u8]) -> Vec<u8> {
    seal(&sealer(&p.alpha), &p.bravo, body)
}

/// Bravo opens it, who has heard nothing before.
fn open(p: &Parties, bytes: &[u8]) -> Opened {
    opener(&p.bravo).open(bytes, &p.members(), PLACE)
}

fn everybody(p: &Parties) -> Vec<Member> {
    let all = [&p.alpha, &p.bravo, &p.charlie].map(|party| party.id.clone());
    p.roster.members(&all).expect("all are pinned")
}

/// The header as it is on the wire, and the rest.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(3 + usize::from(u16::from_be_bytes([bytes[1], bytes[2]])))
}

/// The same rest under another header.
fn with_header(bytes: &[u8], header: &FrameHeader) -> Vec<u8> {
    let encoded = postcard::to_stdvec(header).expect("into memory");
    let length = u16::try_from(encoded.len()).expect("short").to_be_bytes();
    [&bytes[..1], &length, &encoded, split(bytes).1].concat()
}

#[test]
fn a_frame_comes_out_as_it_went_in() {
    let p = parties();
    for body in [SECRET, b""] {
        let bytes = frame(&p, body);
        let (header_out, body_out) = open(&p, &bytes).unwrap();
        assert_eq!(header_out, header(&p));
        assert_eq!(&body_out[..], body);
        assert_eq!(peek_header(&bytes).unwrap(), header_out);
    }
}

#[test]
fn a_body_is_not_on_the_wire_and_no_frame_is_like_another() {
    let p = parties();
    let alpha = sealer(&p.alpha);
    let [one, two] = [(); 2].map(|()| seal(&alpha, &p.bravo, SECRET));
    for piece in SECRET.windows(8) {
        assert!(!one.windows(8).any(|window| window == piece));
    }
    assert_ne!(one, two);
    // The last bytes are ciphertext and tag: the nonce is another each time.
    let sealed = SECRET.len() + 16;
    assert_ne!(one[one.len() - sealed..], two[two.len() - sealed..]);
    assert_ne!(split(&one).1[..96], split(&frame(&p, SECRET)).1[..96]);
}

#[test]
fn every_field_of_the_header_is_bound() {
    let p = parties();
    let bytes = frame(&p, SECRET);
    let honest = header(&p);
    assert!(open(&p, &with_header(&bytes, &honest)).is_ok());

    let mut changed = honest.clone();
    changed.session = SessionId(Uuid::from_u128(8));
    let refused = open(&p, &with_header(&bytes, &changed));
    assert!(matches!(refused, Err(FrameError::Session(s)) if s == changed.session));
    assert_not_sealed(&p, &bytes, &changed);

    let mut changed = honest.clone();
    changed.attempt += 1;
    let refused = open(&p, &with_header(&bytes, &changed));
    assert!(matches!(refused, Err(FrameError::Attempt(a)) if a == ATTEMPT + 1));
    assert_not_sealed(&p, &bytes, &changed);

    let mut changed = honest.clone();
    changed.round += 1;
    assert_not_sealed(&p, &bytes, &changed);

    for kind in [FrameKind::Resend, FrameKind::Confirm] {
        let mut changed = honest.clone();
        changed.kind = kind;
        assert_not_sealed(&p, &bytes, &changed);
    }

    let mut changed = honest.clone();
    changed.from = p.charlie.id.clone();
    let renamed = with_header(&bytes, &changed);
    let refused = opener(&p.bravo).open(&renamed, &everybody(&p), PLACE);
    assert!(
        matches!(&refused, Err(FrameError::Signature { party, .. }) if *party == p.charlie.id),
        "{refused:?}"
    );

    let mut changed = honest;
    changed.to = p.charlie.id.clone();
    let redirected = with_header(&bytes, &changed);
    let refused = opener(&p.charlie).open(&redirected, &everybody(&p), PLACE);
    assert!(
        matches!(&refused, Err(FrameError::Signature { party, .. }) if *party == p.alpha.id),
        "{refused:?}"
    );
}

/// Even a receiver that expects just this session and attempt refuses it.
fn assert_not_sealed(p: &Parties, bytes: &[u8], changed: &FrameHeader) {
    let bytes = with_header(bytes, changed);
    let place = (changed.session, changed.attempt);
    let refused = opener(&p.bravo).open(&bytes, &p.members(), place);
    assert!(
        matches!(&refused, Err(FrameError::Open(from)) if *from == p.alpha.id),
        "{changed:?}: {refused:?}"
    );
}

#[test]
fn a_frame_is_for_its_receiver_only() {
    let p = parties();
    let bytes = frame(&p, SECRET);
    let refused = opener(&p.charlie).open(&bytes, &p.members(), PLACE);
    assert!(matches!(refused, Err(FrameError::Addressee(to)) if to == p.bravo.id));
    // Charlie who claims to be bravo still lacks bravo's seal key.
    let claiming = FrameOpener::new(p.bravo.id.clone(), Arc::clone(&p.charlie.keys));
    let refused = claiming.open(&bytes, &p.members(), PLACE);
    assert!(matches!(refused, Err(FrameError::Open(from)) if from == p.alpha.id));
    // Alpha gets its own frame back.
    let refused = opener(&p.alpha).open(&bytes, &p.members(), PLACE);
    assert!(matches!(refused, Err(FrameError::Reflected)));
}

#[test]
fn only_members_are_heard() {
    let p = parties();
    for party in [&p.charlie, &p.outsider] {
        let bytes = seal(&sealer(party), &p.bravo, b"hello");
        let refused = open(&p, &bytes).unwrap_err();
        assert!(matches!(&refused, FrameError::NotAMember(who) if *who == party.id));
        // Nor in another's name.
        let named = FrameSealer::new(p.alpha.id.clone(), Arc::clone(&party.keys));
        let refused = open(&p, &seal(&named, &p.bravo, b"hello")).unwrap_err();
        assert!(matches!(&refused, FrameError::Signature { party, .. } if *party == p.alpha.id));
    }
}

#[test]
fn a_header_has_one_encoding() {
    let p = parties();
    let honest = frame(&p, b"body");
    let (head, rest) = split(&honest);
    // The attempt, 300, is the varint ac 02 after the session; ac 82 00 reads the same.
    let varint = 3 + 17;
    assert_eq!(head[varint..varint + 2], [0xac, 0x02]);
    let longer = [&head[3..=varint], &[0x82, 0x00], &head[varint + 2..]].concat();
    let length = u16::try_from(longer.len()).unwrap().to_be_bytes();
    let refused = open(&p, &[&head[..1], &length, &longer, rest].concat());
    assert!(
        matches!(refused, Err(FrameError::NotCanonical)),
        "{refused:?}"
    );
}

#[test]
fn oversized_frames_are_neither_made_nor_read() {
    let p = parties();
    let body = vec![0; MAX_FRAME];
    let made = sealer(&p.alpha).seal(PLACE, &p.bravo.identity(), FrameKind::Data, 1, &body);
    assert!(matches!(made, Err(FrameError::TooLarge(_))));
    let read = open(&p, &vec![2; MAX_FRAME + 1]);
    assert!(matches!(read, Err(FrameError::TooLarge(_))));
}

#[test]
fn the_largest_frame_that_is_made_is_read() {
    let p = parties();
    let fits = MAX_FRAME - frame(&p, b"").len();
    let largest = frame(&p, &vec![7; fits]);
    assert_eq!(largest.len(), MAX_FRAME);
    assert_eq!(open(&p, &largest).unwrap().1.len(), fits);
    let body = vec![7; fits + 1];
    let made = sealer(&p.alpha).seal(PLACE, &p.bravo.identity(), FrameKind::Data, 2, &body);
    assert!(matches!(made, Err(FrameError::TooLarge(size)) if size == MAX_FRAME + 1));
}

#[test]
fn a_seal_key_that_gives_no_secrecy_is_refused() {
    let p = parties();
    let mut bravo = p.bravo.identity();
    bravo.seal_key.0 = [0; 32];
    let made = sealer(&p.alpha).seal(PLACE, &bravo, FrameKind::Data, 1, SECRET);
    assert!(matches!(made, Err(FrameError::Seal(_))), "{made:?}");
}

#[test]
fn every_bit_of_a_frame_counts() {
    let p = parties();
    let alpha = sealer(&p.alpha);
    let honest = seal(&alpha, &p.bravo, b"body");
    // To one that knows the channel, and to one that does not.
    let knowing = opener(&p.bravo);
    knowing.open(&honest, &p.members(), PLACE).unwrap();
    for at in 0..honest.len() {
        for bit in 0..8 {
            let mut changed = honest.clone();
            changed[at] ^= 1 << bit;
            assert!(open(&p, &changed).is_err(), "byte {at} bit {bit}");
            let refused = knowing.open(&changed, &p.members(), PLACE);
            assert!(refused.is_err(), "byte {at} bit {bit}");
        }
        assert!(open(&p, &honest[..at]).is_err(), "cut at {at}");
        let refused = knowing.open(&honest[..at], &p.members(), PLACE);
        assert!(refused.is_err(), "cut at {at}");
    }
    let longer = [&honest[..], b"x"].concat();
    assert!(open(&p, &longer).is_err());
    assert!(knowing.open(&longer, &p.members(), PLACE).is_err());
}

#[test]
fn other_versions_and_kinds_are_named() {
    let p = parties();
    let mut bytes = frame(&p, b"body");
    bytes[0] = 1;
    assert!(matches!(peek_header(&bytes), Err(FrameError::Version(1))));
    assert!(matches!(open(&p, &bytes), Err(FrameError::Version(1))));
    assert!(matches!(FrameKind::try_from(9), Err(FrameError::Kind(9))));
    for kind in [FrameKind::Data, FrameKind::Resend, FrameKind::Confirm] {
        assert_eq!(FrameKind::try_from(u8::from(kind)).unwrap(), kind);
    }
}

proptest! {
    #[test]
    fn any_body_survives_and_no_changed_byte_does(
        body in proptest::collection::vec(any::<u8>(), 0..2000),
        at: prop::sample::Index,
        mask in 1u8..,
    ) {
        let p = parties();
        let mut bytes = frame(&p, &body);
        prop_assert_eq!(&open(&p, &bytes).unwrap().1[..], &body[..]);
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
        prop_assert!(open(&p, &bytes).is_err());
    }

    #[test]
    fn noise_is_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let p = parties();
        prop_assert!(open(&p, &bytes).is_err());
        let versioned = [&[2, 0][..], &bytes].concat();
        prop_assert!(open(&p, &versioned).is_err());
        let honest = frame(&p, SECRET);
        let headed = [split(&honest).0, &bytes].concat();
        prop_assert!(open(&p, &headed).is_err());
    }
}

/// Bytes that alpha could not know, in place of a key.
fn keys(seed: u8) -> Arc<IdentityKeys> {
    Arc::new(IdentityKeys::from_seed(&[seed; 64]))
}
