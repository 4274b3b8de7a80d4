//! Envelopes: one sender, one purpose, every byte.

use countersign_messaging::envelope::{EnvelopeError, MAX_ENVELOPE, Signed, open, sign};

use crate::fixture::parties;

#[test]
fn what_was_signed_comes_out() {
    let p = parties();
    let bytes = sign("tag", &p.alpha.id, &p.alpha.keys, b"body".to_vec());
    let (from, body) = open("tag", &bytes, &p.roster).unwrap();
    assert_eq!((from, &body[..]), (p.alpha.id, &b"body"[..]));
}

#[test]
fn an_envelope_serves_one_purpose() {
    let p = parties();
    let bytes = sign("tag", &p.alpha.id, &p.alpha.keys, b"body".to_vec());
    let refused = open("other", &bytes, &p.roster);
    assert!(
        matches!(refused, Err(EnvelopeError::Signature { .. })),
        "{refused:?}"
    );
}

#[test]
fn nobody_signs_for_another() {
    let p = parties();
    let forged = sign("tag", &p.alpha.id, &p.bravo.keys, b"body".to_vec());
    assert!(matches!(
        open("tag", &forged, &p.roster),
        Err(EnvelopeError::Signature { party, .. }) if party == p.alpha.id
    ));
    let stranger = sign("tag", &p.outsider.id, &p.outsider.keys, b"body".to_vec());
    assert!(matches!(
        open("tag", &stranger, &p.roster),
        Err(EnvelopeError::UnknownSender(party)) if party == p.outsider.id
    ));
    let honest = sign("tag", &p.alpha.id, &p.alpha.keys, b"body".to_vec());
    let mut signed: Signed = postcard::from_bytes(&honest).unwrap();
    signed.from = p.bravo.id.clone();
    let renamed = postcard::to_stdvec(&signed).unwrap();
    assert!(matches!(
        open("tag", &renamed, &p.roster),
        Err(EnvelopeError::Signature { party, .. }) if party == p.bravo.id
    ));
}

#[test]
fn every_changed_missing_or_added_byte_is_noticed() {
    let p = parties();
    let honest = sign("tag", &p.alpha.id, &p.alpha.keys, b"body".to_vec());
    for at in 0..honest.len() {
        for bit in 0..8 {
            let mut changed = honest.clone();
            changed[at] ^= 1 << bit;
            assert!(
                open("tag", &changed, &p.roster).is_err(),
                "byte {at} bit {bit}"
            );
        }
        assert!(
            open("tag", &honest[..at], &p.roster).is_err(),
            "cut at {at}"
        );
    }
    let longer = [&honest[..], b"x"].concat();
    assert!(matches!(
        open("tag", &longer, &p.roster),
        Err(EnvelopeError::Trailing(1))
    ));
}

#[test]
fn an_oversized_envelope_is_not_read() {
    let p = parties();
    let bytes = sign("tag", &p.alpha.id, &p.alpha.keys, vec![0; MAX_ENVELOPE]);
    assert!(matches!(
        open("tag", &bytes, &p.roster),
        Err(EnvelopeError::TooLarge(_))
    ));
}
