//! Secrets at rest.

use countersign_webhooks::{SealError, SealKey, Sealed, Secret};
use uuid::Uuid;

#[test]
fn a_secret_opens_under_its_key_and_for_its_subscription_only() {
    let key = SealKey::from_text(&"5e".repeat(32)).expect("a key");
    let other = SealKey::from_text(&"5f".repeat(32)).expect("a key");
    let secret = Secret::generate().expect("entropy");
    let (mine, yours) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let sealed = key.seal(mine, &secret).expect("sealed");
    let stored = serde_json::to_string(&sealed).expect("text");
    assert!(!stored.contains(&secret.to_text()["whsec_".len()..][..20]));
    let read: Sealed = serde_json::from_str(&stored).expect("read");
    let opened = key.open(mine, &read).expect("opened");
    assert_eq!(*opened.to_text(), *secret.to_text());
    assert!(matches!(key.open(yours, &sealed), Err(SealError::OtherKey)));
    assert!(matches!(
        other.open(mine, &sealed),
        Err(SealError::OtherKey)
    ));
    assert!(SealKey::from_text("5e").is_err());
}

#[test]
fn nothing_secret_is_shown() {
    let key = SealKey::from_text(&"5e".repeat(32)).expect("a key");
    let secret = Secret::generate().expect("entropy");
    let sealed = key.seal(Uuid::nil(), &secret).expect("sealed");
    let shown = format!("{key:?} {secret:?} {sealed:?}");
    assert_eq!(shown, "SealKey(…) Secret(…) Sealed(…)");
}
