//! Sealing to a party, and its identity keys.

use countersign_messaging::IdentityKeys;
use countersign_messaging::invitation::{SESSION_INVITATION, SealError, seal_to, unseal};

use crate::fixture::parties;

#[test]
fn only_the_recipient_opens_it_and_only_for_its_purpose() {
    let p = parties();
    let secret = b"one-time join token";
    let sealed = seal_to(&p.alpha.identity(), SESSION_INVITATION, secret).unwrap();
    assert!(
        !sealed
            .windows(8)
            .any(|window| secret.windows(8).any(|s| s == window))
    );
    let opened = unseal(&p.alpha.keys, SESSION_INVITATION, &sealed).unwrap();
    assert_eq!(&opened[..], secret);

    let others = [
        unseal(&p.bravo.keys, SESSION_INVITATION, &sealed),
        unseal(&p.alpha.keys, "another purpose", &sealed),
        unseal(&p.alpha.keys, SESSION_INVITATION, b""),
    ];
    for refused in others {
        assert!(matches!(refused, Err(SealError::Open(_))), "{refused:?}");
    }
}

#[test]
fn every_changed_or_missing_byte_is_noticed() {
    let p = parties();
    let sealed = seal_to(&p.alpha.identity(), SESSION_INVITATION, b"token").unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(
            unseal(&p.alpha.keys, SESSION_INVITATION, &changed).is_err(),
            "byte {at}"
        );
        assert!(
            unseal(&p.alpha.keys, SESSION_INVITATION, &sealed[..at]).is_err(),
            "cut at {at}"
        );
    }
}

#[test]
fn a_seal_key_that_gives_no_secrecy_is_refused() {
    let mut identity = parties().alpha.identity();
    identity.seal_key.0 = [0; 32];
    let refused = seal_to(&identity, SESSION_INVITATION, b"token");
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
