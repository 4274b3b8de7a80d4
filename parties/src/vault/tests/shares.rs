//! Shares, their records and receipts.

use super::{Home, master, party, record, session};
use crate::vault::{MasterKey, Vault, VaultError};

const SHARE: &[u8] = b"a secret share";

#[test]
fn a_share_and_its_record_come_back_after_a_reopen() {
    let home = Home::new();
    let vault = home.open();
    let seed = **vault.identity_seed();
    vault.put_share(&record(1), SHARE).unwrap();
    drop(vault);

    let vault = home.open();
    let key = record(1).key;
    let (found, share) = vault.share(key, 0).unwrap().unwrap();
    assert_eq!(found, record(1));
    assert_eq!(*share, SHARE);
    assert_eq!(**vault.identity_seed(), seed);
    assert!(vault.share(key, 1).unwrap().is_none());
    assert!(vault.share(record(2).key, 0).unwrap().is_none());
}

#[test]
fn a_vault_is_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Vault>();
}

#[test]
fn every_vault_has_an_identity_of_its_own() {
    let (one, two) = (Home::new().open(), Home::new().open());
    assert_ne!(**one.identity_seed(), **two.identity_seed());
    assert_ne!(**one.identity_seed(), [0; 64]);
}

#[test]
fn a_share_is_never_overwritten_by_another() {
    let home = Home::new();
    let vault = home.open();
    vault.put_share(&record(1), SHARE).unwrap();
    vault.put_share(&record(1), SHARE).unwrap();

    let other_share = vault.put_share(&record(1), b"another share").unwrap_err();
    assert!(matches!(other_share, VaultError::ShareExists { .. }));
    let mut changed = record(1);
    changed.auth_key = serde_json::json!({"kty": "OKP", "x": "swapped"});
    let other_record = vault.put_share(&changed, SHARE).unwrap_err();
    assert!(matches!(other_record, VaultError::ShareExists { .. }));

    let (found, share) = vault.share(record(1).key, 0).unwrap().unwrap();
    assert_eq!((found, &share[..]), (record(1), SHARE));
}

#[test]
fn epochs_of_a_key_are_apart_and_listed_in_order() {
    let home = Home::new();
    let vault = home.open();
    let mut refreshed = record(1);
    refreshed.epoch = 1;
    refreshed.session = session(99);
    vault.put_share(&record(2), b"two").unwrap();
    vault.put_share(&refreshed, b"one, refreshed").unwrap();
    vault.put_share(&record(1), b"one").unwrap();

    let (one, two) = (record(1).key, record(2).key);
    assert_eq!(vault.keys().unwrap(), [(one, 0), (one, 1), (two, 0)]);
    assert_eq!(*vault.share(one, 0).unwrap().unwrap().1, b"one");
    assert_eq!(*vault.share(one, 1).unwrap().unwrap().1, b"one, refreshed");
}

#[test]
fn a_session_finds_its_share_with_the_receipt() {
    let home = Home::new();
    let vault = home.open();
    vault.put_share(&record(1), SHARE).unwrap();
    vault.put_share(&record(2), b"two").unwrap();
    vault.set_receipt(record(2).key, 0, "first").unwrap();
    vault.set_receipt(record(2).key, 0, "signed").unwrap();
    drop(vault);

    let vault = home.open();
    let found = vault.share_of_session(session(2)).unwrap().unwrap();
    assert_eq!(found.receipt.as_deref(), Some("signed"));
    assert_eq!(*vault.share(record(2).key, 0).unwrap().unwrap().1, b"two");
    let found = vault.share_of_session(session(1)).unwrap().unwrap();
    assert_eq!(found, record(1));
    assert!(vault.share_of_session(session(3)).unwrap().is_none());
}

#[test]
fn a_receipt_needs_a_share() {
    let home = Home::new();
    let vault = home.open();
    let refused = vault.set_receipt(record(1).key, 0, "signed").unwrap_err();
    assert!(matches!(refused, VaultError::NoShare { .. }));
    vault.put_share(&record(1), SHARE).unwrap();
    vault.discard_share(record(1).key, 0).unwrap();
    let refused = vault.set_receipt(record(1).key, 0, "signed").unwrap_err();
    assert!(matches!(refused, VaultError::NoShare { .. }));
}

#[test]
fn a_discarded_share_is_gone_and_makes_room() {
    let home = Home::new();
    let vault = home.open();
    let key = record(1).key;
    vault.discard_share(key, 0).unwrap();
    vault.put_share(&record(1), SHARE).unwrap();
    vault.discard_share(key, 0).unwrap();
    drop(vault);

    let vault = home.open();
    assert!(vault.share(key, 0).unwrap().is_none());
    assert!(vault.share_of_session(session(1)).unwrap().is_none());
    assert!(vault.keys().unwrap().is_empty());
    vault.put_share(&record(1), b"next attempt").unwrap();
    drop(vault);
    let (_, share) = home.open().share(key, 0).unwrap().unwrap();
    assert_eq!(*share, b"next attempt");
}

#[test]
fn a_large_share_comes_back() {
    let home = Home::new();
    let vault = home.open();
    let share: Vec<u8> = (0..400_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    vault.put_share(&record(1), &share).unwrap();
    assert_eq!(*vault.share(record(1).key, 0).unwrap().unwrap().1, share);
}

#[test]
fn nothing_secret_is_in_the_file_in_the_clear() {
    let home = Home::new();
    let vault = home.open();
    let seed = vault.identity_seed().clone();
    vault.put_share(&record(1), SHARE).unwrap();
    drop(vault);

    let file = std::fs::read(home.path()).unwrap();
    let has = |needle: &[u8]| file.windows(needle.len()).any(|window| window == needle);
    assert!(has(b"alpha"), "the party's name is public");
    assert!(!has(SHARE));
    assert!(!has(&seed[..16]));
    assert!(!has(&[7; 32]), "the master key");
    assert!(!has(b"Ed25519"), "the record");
}

#[test]
fn another_master_key_is_told_from_damage() {
    let home = Home::new();
    drop(home.open());
    let error = Vault::open(&home.path(), &party("alpha"), &master(8)).unwrap_err();
    assert!(matches!(error, VaultError::WrongMasterKey { .. }));
    let text = error.to_string();
    assert!(text.contains("alpha.vault") && text.contains("its own master key"));
    home.open();
}

#[test]
fn another_party_is_refused_by_name() {
    let home = Home::new();
    drop(home.open());
    let error = Vault::open(&home.path(), &party("beta"), &master(7)).unwrap_err();
    assert!(matches!(error, VaultError::WrongParty { .. }));
    let text = error.to_string();
    assert!(text.contains("`alpha`") && text.contains("`beta`"));
}

#[test]
fn an_open_vault_is_in_use() {
    let home = Home::new();
    let vault = home.open();
    let error = home.try_open().unwrap_err();
    assert!(matches!(error, VaultError::InUse { .. }));
    assert!(error.to_string().contains("stop the other one"));
    drop(vault);
    home.open();
}

#[test]
fn a_missing_folder_is_named_with_the_cure() {
    let home = Home::new();
    let path = home.path().join("nowhere").join("x.vault");
    let error = Vault::open(&path, &party("alpha"), &master(7)).unwrap_err();
    assert!(matches!(error, VaultError::Io { .. }));
    assert!(error.to_string().contains("check that its folder exists"));
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone_and_has_no_leftovers_beside_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let vault = home.open();
    let mode = std::fs::metadata(home.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(home.folder.path()).unwrap().count(), 1);
    drop(vault);
}

#[test]
fn of_processes_that_start_at_once_one_makes_the_vault() {
    let home = Home::new();
    let open = || home.try_open();
    let opened: Vec<Result<Vault, VaultError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let mut winners = 0;
    for result in &opened {
        match result {
            Ok(_) => winners += 1,
            Err(VaultError::InUse { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(winners, 1);
    let seed = **opened
        .iter()
        .find_map(|r| r.as_ref().ok())
        .unwrap()
        .identity_seed();
    drop(opened);
    assert_eq!(**home.open().identity_seed(), seed);
}

#[test]
fn no_debug_output_has_a_secret() {
    let home = Home::new();
    let vault = home.open();
    let seed = hex::encode(&vault.identity_seed()[..4]);
    vault.put_share(&record(1), SHARE).unwrap();
    let text = format!("{vault:?} {:?} {:?}", record(1), master(7));
    assert!(text.contains("alpha.vault") && text.contains("MasterKey(redacted)"));
    assert!(!text.contains(&seed) && !text.contains("cccccccc"));
    assert!(!text.contains("07070707") && !text.contains("7, 7"));
    let error = Vault::open(&home.path(), &party("beta"), &MasterKey::generate([9; 32]));
    assert!(!format!("{error:?}").contains("9, 9"));
}
