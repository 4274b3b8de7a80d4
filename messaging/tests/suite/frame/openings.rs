//! The channels that frames are in: whose they are, and how long they serve.

use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};

use super::*;

/// Bytes of an opening, an encapsulated key and a signature.
const KEY: usize = 32;
const OPENING: usize = KEY + 64;

fn opening(bytes: &[u8]) -> &[u8] {
    &split(bytes).1[..OPENING]
}

/// The same frame with another opening.
fn with_opening(bytes: &[u8], opening: &[u8]) -> Vec<u8> {
    let (head, rest) = split(bytes);
    [head, opening, &rest[OPENING..]].concat()
}

/// An opening between these two, of any key and signed by anybody.
fn forged(from: &Party, to: &Party, encapsulated: &[u8], signer: &IdentityKeys) -> Vec<u8> {
    const TAG: &[u8] = b"countersign-frame-v2";
    let mut hash = Sha256::new();
    let (from, to) = (from.id.as_str(), to.id.as_str());
    for part in [TAG, from.as_bytes(), to.as_bytes(), encapsulated] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let input = [TAG, b"\n", &hash.finalize()].concat();
    let signature = signer.sign.sign(&input).to_bytes();
    [encapsulated, &signature].concat()
}

#[test]
fn a_frame_needs_no_other_of_its_channel() {
    let p = parties();
    let alpha = sealer(&p.alpha);
    let bodies = [1u8, 2, 3].map(|body| [body; 9]);
    let frames = bodies.map(|body| seal(&alpha, &p.bravo, &body));
    assert_eq!(opening(&frames[0]), opening(&frames[2]), "one channel");
    for arrivals in [
        &[0, 1, 2][..],
        &[2, 1, 0],
        &[0, 0, 1, 2, 1, 0],
        &[1, 2],
        &[2],
    ] {
        let bravo = opener(&p.bravo);
        for &at in arrivals {
            let (_, body) = bravo.open(&frames[at], &p.members(), PLACE).unwrap();
            assert_eq!(body[..], bodies[at]);
        }
    }
}

#[test]
fn a_channel_serves_many_sessions_and_keeps_them_apart() {
    let p = parties();
    let (alpha, bravo) = (sealer(&p.alpha), opener(&p.bravo));
    let places = [1, 2, 3].map(|n| (SessionId(Uuid::from_u128(n.into())), n));
    for place in places {
        let frame = alpha
            .seal(place, &p.bravo.identity(), FrameKind::Data, 1, SECRET)
            .unwrap();
        let (header, body) = bravo.open(&frame, &p.members(), place).unwrap();
        assert_eq!((header.session, header.attempt), place);
        assert_eq!(&body[..], SECRET);
        for other in places.into_iter().filter(|other| *other != place) {
            let refused = bravo.open(&frame, &p.members(), other);
            assert!(matches!(refused, Err(FrameError::Session(session)) if session == place.0));
            // Nor when it says that it is of that session.
            let mut changed = header.clone();
            (changed.session, changed.attempt) = other;
            let moved = with_header(&frame, &changed);
            let refused = bravo.open(&moved, &p.members(), other);
            assert!(matches!(refused, Err(FrameError::Open(from)) if from == p.alpha.id));
        }
    }
}

#[test]
fn a_frame_stays_in_its_channel() {
    let p = parties();
    let bravo = opener(&p.bravo);
    // Two channels of alpha, both open.
    let [one, two] = [(); 2].map(|()| frame(&p, SECRET));
    for known in [&one, &two] {
        bravo.open(known, &p.members(), PLACE).unwrap();
    }
    let moved = with_opening(&one, opening(&two));
    let refused = bravo.open(&moved, &p.members(), PLACE);
    assert!(matches!(refused, Err(FrameError::Open(from)) if from == p.alpha.id));
}

#[test]
fn each_pair_has_channels_of_its_own() {
    let p = parties();
    let alpha = sealer(&p.alpha);
    let to_bravo = seal(&alpha, &p.bravo, SECRET);
    let to_charlie = seal(&alpha, &p.charlie, SECRET);
    assert_ne!(opening(&to_bravo), opening(&to_charlie));
    // What alpha opened to charlie opens nothing at bravo.
    let moved = with_opening(&to_bravo, opening(&to_charlie));
    let refused = open(&p, &moved);
    assert!(
        matches!(&refused, Err(FrameError::Signature { party, .. }) if *party == p.alpha.id),
        "{refused:?}"
    );
}

#[test]
fn an_opening_cannot_be_passed_off_as_anothers() {
    let p = parties();
    let honest = frame(&p, SECRET);
    let key = &opening(&honest)[..KEY];
    let again = forged(&p.alpha, &p.bravo, key, &p.alpha.keys);
    assert_eq!(again, opening(&honest), "this is how openings are signed");

    // Charlie, a member here, signs alpha's key as its own.
    let mut stolen = header(&p);
    stolen.from = p.charlie.id.clone();
    let renamed = with_header(&honest, &stolen);
    let passed_on = with_opening(
        &renamed,
        &forged(&p.charlie, &p.bravo, key, &p.charlie.keys),
    );
    let refused = opener(&p.bravo).open(&passed_on, &everybody(&p), PLACE);
    assert!(
        matches!(&refused, Err(FrameError::Open(from)) if *from == p.charlie.id),
        "{refused:?}"
    );
    // And an outsider signs it as alpha.
    let by_outsider = with_opening(&honest, &forged(&p.alpha, &p.bravo, key, &keys(3)));
    let refused = open(&p, &by_outsider);
    assert!(
        matches!(&refused, Err(FrameError::Signature { party, .. }) if *party == p.alpha.id),
        "{refused:?}"
    );
}

#[test]
fn a_channel_ends_with_the_key_that_signed_it() {
    let p = parties();
    let (alpha, bravo) = (sealer(&p.alpha), opener(&p.bravo));
    let first = seal(&alpha, &p.bravo, SECRET);
    bravo.open(&first, &p.members(), PLACE).unwrap();
    // Alpha is pinned with another key from now on.
    let mut members = p.members();
    let pinned = members
        .iter_mut()
        .find(|it| it.identity.party == p.alpha.id);
    pinned.unwrap().identity.sign_key = keys(3).public(p.alpha.id.clone()).sign_key;
    for frame in [&first, &seal(&alpha, &p.bravo, SECRET)] {
        let refused = bravo.open(frame, &members, PLACE);
        assert!(matches!(refused, Err(FrameError::Signature { .. })));
    }
}

#[test]
fn a_key_that_gives_no_secrecy_opens_nothing() {
    let p = parties();
    let bad = forged(&p.alpha, &p.bravo, &[0; KEY], &p.alpha.keys);
    let refused = open(&p, &with_opening(&frame(&p, SECRET), &bad));
    assert!(
        matches!(&refused, Err(FrameError::Channel { party, .. }) if *party == p.alpha.id),
        "{refused:?}"
    );
}

#[test]
fn nobody_closes_anothers_channel() {
    let p = parties();
    let members = everybody(&p);
    let (alpha, charlie) = (sealer(&p.alpha), sealer(&p.charlie));
    let bravo = opener(&p.bravo);
    let first = seal(&alpha, &p.bravo, SECRET);
    bravo.open(&first, &members, PLACE).unwrap();
    bravo
        .open(&seal(&charlie, &p.bravo, SECRET), &members, PLACE)
        .unwrap();
    // Somebody presents openings in alpha's name, more than are remembered …
    for seed in 1..20 {
        let named = FrameSealer::new(p.alpha.id.clone(), keys(seed));
        let refused = bravo.open(&seal(&named, &p.bravo, SECRET), &members, PLACE);
        assert!(matches!(refused, Err(FrameError::Signature { .. })));
    }
    // … and charlie opens as many of its own.
    for _ in 1..20 {
        let another = seal(&sealer(&p.charlie), &p.bravo, SECRET);
        bravo.open(&another, &members, PLACE).unwrap();
    }
    // Some that it signs do not even serve.
    for _ in 1..20 {
        let bad = forged(&p.charlie, &p.bravo, &[0; KEY], &p.charlie.keys);
        let frame = with_opening(&seal(&charlie, &p.bravo, SECRET), &bad);
        let refused = bravo.open(&frame, &members, PLACE);
        assert!(matches!(refused, Err(FrameError::Channel { .. })));
    }
    for sender in [&alpha, &charlie] {
        let frame = seal(sender, &p.bravo, SECRET);
        assert_eq!(&bravo.open(&frame, &members, PLACE).unwrap().1[..], SECRET);
    }
    bravo.open(&first, &members, PLACE).unwrap();
}
