use countersign_domain::auth_key::AuthSigner;
use zeroize::Zeroizing;

use super::*;
use crate::vault::tests::{Home, record};

/// A vault with the share of key 1, which has its receipt, and that of key 2, which
/// has none.
fn vault(home: &Home) -> Vault {
    let vault = home.open();
    let auth_key = AuthSigner::ed25519(&Zeroizing::new([1; 32])).public();
    for n in [1, 2] {
        let mut record = record(n);
        record.auth_key = serde_json::to_value(&auth_key).unwrap();
        vault.put_share(&record, b"a share").unwrap();
    }
    let first = record(1);
    vault
        .set_receipt(first.key, first.epoch, "a receipt")
        .unwrap();
    vault
}

#[test]
fn sessions_of_one_key_use_one_copy_while_there_are_any() {
    let home = Home::new();
    let vault = vault(&home);
    let (key, epoch) = (record(1).key, record(1).epoch);
    let shares = Shares::default();
    let first = shares.get(&vault, key, epoch).unwrap();
    let second = shares.get(&vault, key, epoch).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(first.share.expose(), b"a share");
    assert_eq!(first.record.key, key);

    let held = Arc::downgrade(&first);
    drop(first);
    // What the vault says meanwhile shows when it is read again.
    vault.set_receipt(key, epoch, "another receipt").unwrap();
    let third = shares.get(&vault, key, epoch).unwrap();
    assert!(Arc::ptr_eq(&second, &third));
    drop((second, third));
    assert!(held.upgrade().is_none(), "nobody holds it any more");
    let again = shares.get(&vault, key, epoch).unwrap();
    assert_eq!(again.share.expose(), b"a share");
    assert_eq!(again.record.receipt.as_deref(), Some("another receipt"));
}

#[test]
fn each_key_has_a_copy_of_its_own_and_none_is_remembered_for_ever() {
    let home = Home::new();
    let vault = vault(&home);
    let [one, two] = [record(1), record(2)];
    vault.set_receipt(two.key, two.epoch, "a receipt").unwrap();
    let shares = Shares::default();
    let remembered = || shares.0.lock().unwrap().len();
    let first = shares.get(&vault, one.key, one.epoch).unwrap();
    let second = shares.get(&vault, two.key, two.epoch).unwrap();
    assert_eq!(first.record.key, one.key);
    assert_eq!(second.record.key, two.key);
    assert_eq!(remembered(), 2);
    drop((first, second));
    let _second = shares.get(&vault, two.key, two.epoch).unwrap();
    assert_eq!(remembered(), 1);
}

#[test]
fn a_share_that_cannot_sign_is_refused() {
    let home = Home::new();
    let vault = vault(&home);
    let shares = Shares::default();
    let unfinished = record(2);
    let refused = shares.get(&vault, unfinished.key, unfinished.epoch);
    assert!(matches!(refused, Err(Refusal::NotOfShare("key"))));
    let missing = record(3);
    let refused = shares.get(&vault, missing.key, missing.epoch);
    assert!(matches!(refused, Err(Refusal::NoShare { key, .. }) if key == missing.key));
    // Once it has its receipt it signs.
    vault
        .set_receipt(unfinished.key, unfinished.epoch, "a receipt")
        .unwrap();
    shares
        .get(&vault, unfinished.key, unfinished.epoch)
        .unwrap();
}
