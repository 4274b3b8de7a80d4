//! Sealing to a party, and its identity keys.

use std::sync::Arc;

use countersign_messaging::IdentityKeys;
use countersign_messaging::frame::{FrameKind, FrameSealer};
use countersign_messaging::invitation::{InvitationOpener, InvitationSealer, SealError};

use crate::fixture::{Party, SESSION, parties};

fn opener(party: &Party) -> InvitationOpener {
    InvitationOpener::new(Arc::clone(&party.keys))
}

#[test]
fn only_the_recipient_opens_it() {
    let p = parties();
    let secret = b"one-time join token";
    let coordinator = InvitationSealer::default();
    let sealed = coordinator.seal(&p.alpha.identity(), secret).unwrap();
    assert!(
        !sealed
            .windows(8)
            .any(|window| secret.windows(8).any(|s| s == window))
    );
    assert_eq!(&opener(&p.alpha).open(&sealed).unwrap()[..], secret);
    let again = coordinator.seal(&p.alpha.identity(), secret).unwrap();
    assert_ne!(again, sealed);
    for refused in [opener(&p.bravo).open(&sealed), opener(&p.alpha).open(b"")] {
        assert!(matches!(refused, Err(SealError::Open)), "{refused:?}");
    }
}

#[test]
fn every_changed_or_missing_byte_is_noticed() {
    let p = parties();
    let coordinator = InvitationSealer::default();
    let sealed = coordinator.seal(&p.alpha.identity(), b"token").unwrap();
    let alpha = opener(&p.alpha);
    alpha.open(&sealed).unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(alpha.open(&changed).is_err(), "byte {at}");
        assert!(opener(&p.alpha).open(&changed).is_err(), "byte {at}");
        assert!(alpha.open(&sealed[..at]).is_err(), "cut at {at}");
    }
    assert!(alpha.open(&[&sealed[..], b"x"].concat()).is_err());
}

#[test]
fn what_was_sealed_for_another_purpose_is_no_invitation() {
    let p = parties();
    let bravo = FrameSealer::new(p.bravo.id.clone(), Arc::clone(&p.bravo.keys));
    let frame = bravo
        .seal(
            (SESSION, 1),
            &p.alpha.identity(),
            FrameKind::Data,
            1,
            b"token",
        )
        .unwrap();
    let head = 3 + usize::from(u16::from_be_bytes([frame[1], frame[2]]));
    // All of it, what follows the header, and that without the signature.
    let (key, signed) = frame[head..].split_at(32);
    for bytes in [&frame, &frame[head..], &[key, &signed[64..]].concat()] {
        let refused = opener(&p.alpha).open(bytes);
        assert!(matches!(refused, Err(SealError::Open)), "{refused:?}");
    }
}

#[test]
fn invitations_of_any_coordinator_open_in_any_order() {
    let p = parties();
    // More than a party remembers.
    let coordinators: Vec<_> = (0..40).map(|_| InvitationSealer::default()).collect();
    let alpha = opener(&p.alpha);
    let mut sealed = Vec::new();
    for number in 0..3u8 {
        for coordinator in &coordinators {
            let text = coordinator.seal(&p.alpha.identity(), &[number]).unwrap();
            assert_eq!(alpha.open(&text).unwrap()[..], [number]);
            sealed.push((number, text));
        }
    }
    for (number, text) in sealed.iter().rev() {
        assert_eq!(alpha.open(text).unwrap()[..], [*number]);
        // Nor does one that has just started need an earlier one.
        assert_eq!(opener(&p.alpha).open(text).unwrap()[..], [*number]);
    }
}

#[test]
fn a_seal_key_that_gives_no_secrecy_is_refused() {
    let mut identity = parties().alpha.identity();
    identity.seal_key.0 = [0; 32];
    let refused = InvitationSealer::default().seal(&identity, b"token");
    assert!(
        matches!(refused, Err(SealError::Recipient { .. })),
        "{refused:?}"
    );
}

#[test]
fn identity_keys_are_stored_and_restored_and_never_shown() {
    let p = parties();
    let seed = p.alpha.keys.to_seed();
    let restored = IdentityKeys::from_seed(&seed);
    assert_eq!(restored.public(p.alpha.id.clone()), p.alpha.identity());
    assert_eq!(*restored.to_seed(), *seed);
    assert!(restored.are_pinned(&p.alpha.id, &p.roster));
    assert!(!restored.are_pinned(&p.bravo.id, &p.roster));
    assert_eq!(format!("{restored:?}"), "IdentityKeys(redacted)");
}
