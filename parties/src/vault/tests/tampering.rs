//! Somebody who can write the file, checksums and all, but has no master key.

use redb::{Database, ReadableDatabase as _, TableDefinition};

use countersign_domain::bytes::Hex;
use countersign_domain::ids::KeyId;
use uuid::Uuid;

use super::{Home, master, party, record, session};
use crate::vault::rows::{Head, TableKey};
use crate::vault::sealed::{Entropy, Kind, Place, UnsealError, seal, unseal};
use crate::vault::tables::{
    META, META_FORMAT, META_HEAD, META_KEY_CHECK, META_PARTY, PLACES, SESSIONS, SHARES, place_key,
    session_key,
};
use crate::vault::{Vault, VaultError};

fn filled() -> Home {
    let home = Home::new();
    let vault = home.open();
    vault.put_share(&record(1), b"one").unwrap();
    vault.put_share(&record(2), b"two").unwrap();
    for n in 1..=3 {
        vault
            .begin_attempt(session(n), 0, Hex([1; 32]), Hex([2; 32]))
            .unwrap();
    }
    drop(vault);
    home
}

fn set<K: redb::Key + 'static>(
    home: &Home,
    table: TableDefinition<'_, K, &'static [u8]>,
    key: K::SelfType<'_>,
    value: Option<&[u8]>,
) {
    let database = Database::open(home.path()).unwrap();
    let write = database.begin_write().unwrap();
    {
        let mut table = write.open_table(table).unwrap();
        match value {
            Some(value) => table.insert(key, value).unwrap(),
            None => table.remove(key).unwrap(),
        };
    }
    write.commit().unwrap();
}

fn get<K: redb::Key + 'static>(
    home: &Home,
    table: TableDefinition<'_, K, &'static [u8]>,
    key: K::SelfType<'_>,
) -> Vec<u8> {
    let database = Database::open(home.path()).unwrap();
    let read = database.begin_read().unwrap();
    let table = read.open_table(table).unwrap();
    table.get(key).unwrap().unwrap().value().to_vec()
}

fn assert_damaged(home: &Home, expected: &str) {
    match home.try_open() {
        Err(VaultError::Damaged { detail, .. }) => {
            assert!(detail.contains(expected), "{detail}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sealed_share_opens_in_its_own_place_only() {
    let (alpha, beta) = (party("alpha"), party("beta"));
    let place = Place {
        party: &alpha,
        key: record(1).key,
        epoch: 1,
        kind: Kind::Share,
    };
    let sealed = seal(&master(7), &place, b"share", Entropy::fresh().unwrap());
    assert_eq!(*unseal(&master(7), &place, &sealed).unwrap(), b"share");
    let elsewhere = [
        Place {
            party: &beta,
            ..place
        },
        Place {
            key: record(2).key,
            ..place
        },
        Place { epoch: 2, ..place },
        Place {
            kind: Kind::Identity,
            ..place
        },
    ];
    for place in elsewhere {
        let refused = unseal(&master(7), &place, &sealed).unwrap_err();
        assert_eq!(refused, UnsealError::Forged);
    }
    let refused = unseal(&master(8), &place, &sealed).unwrap_err();
    assert_eq!(refused, UnsealError::Forged);
}

#[test]
fn no_byte_of_a_sealed_share_can_be_changed_or_missing() {
    let alpha = party("alpha");
    let place = Place::of_vault(&alpha, Kind::Share);
    let sealed = seal(&master(7), &place, b"share", Entropy::fresh().unwrap());
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        unseal(&master(7), &place, &changed).unwrap_err();
        unseal(&master(7), &place, &sealed[..at]).unwrap_err();
    }
}

#[test]
fn a_share_moved_to_another_place_is_refused() {
    let home = filled();
    let (one, two) = (place_key(record(1).key, 0), place_key(record(2).key, 0));
    let share = get(&home, SHARES, &one);
    set(&home, SHARES, &two, Some(&share));
    assert_damaged(&home, "replaced");

    let home = filled();
    let row = get(&home, PLACES, &one);
    let share = get(&home, SHARES, &one);
    let nowhere = place_key(KeyId(Uuid::from_u128(77)), 0);
    set(&home, PLACES, &nowhere, Some(&row));
    set(&home, SHARES, &nowhere, Some(&share));
    assert_damaged(&home, "changed");
}

#[test]
fn a_removed_share_is_missed() {
    let home = filled();
    let place = place_key(record(1).key, 0);
    set(&home, SHARES, &place, None);
    assert_damaged(&home, "a share was removed");
    set(&home, PLACES, &place, None);
    assert_damaged(&home, "rows were removed");
}

#[test]
fn a_share_put_back_to_an_earlier_state_is_found() {
    let home = filled();
    let place = place_key(record(1).key, 0);
    let (row, share) = (get(&home, PLACES, &place), get(&home, SHARES, &place));
    home.open().set_receipt(record(1).key, 0, "signed").unwrap();
    set(&home, PLACES, &place, Some(&row));
    set(&home, SHARES, &place, Some(&share));
    assert_damaged(&home, "earlier state");
}

#[test]
fn a_session_row_cannot_be_edited_moved_or_removed() {
    let home = filled();
    let key = session_key(session(1));
    let row = get(&home, SESSIONS, &key);
    for at in (0..row.len()).step_by(7) {
        let mut changed = row.clone();
        changed[at] ^= 1;
        set(&home, SESSIONS, &key, Some(&changed));
        assert_damaged(&home, "changed");
    }
    let other = get(&home, SESSIONS, &session_key(session(2)));
    set(&home, SESSIONS, &key, Some(&other));
    assert_damaged(&home, "changed");
    set(&home, SESSIONS, &key, Some(&[]));
    assert_damaged(&home, "changed");
    set(&home, SESSIONS, &key, None);
    assert_damaged(&home, "rows were removed");
    set(&home, SESSIONS, &key, Some(&row));
    home.open();
}

#[test]
fn a_session_put_back_to_an_earlier_state_is_found() {
    let home = filled();
    let key = session_key(session(1));
    let row = get(&home, SESSIONS, &key);
    home.open()
        .begin_attempt(session(1), 1, Hex([1; 32]), Hex([2; 32]))
        .unwrap();
    let later = get(&home, SESSIONS, &key);
    set(&home, SESSIONS, &key, Some(&row));
    assert_damaged(&home, "earlier state");
    set(&home, SESSIONS, &key, Some(&later));
    home.open().finish(session(1), b"{}").unwrap();
    set(&home, SESSIONS, &key, Some(&later));
    assert_damaged(&home, "earlier state");
}

#[test]
fn the_head_cannot_be_forged_or_missing() {
    let home = filled();
    let forger = TableKey::derive(&party("alpha"), b"a guess");
    let forged = forger.encode(META_HEAD.as_bytes(), &Head::default());
    set(&home, META, META_HEAD, Some(&forged));
    assert_damaged(&home, "changed");
    set(&home, META, META_HEAD, None);
    assert_damaged(&home, "head");
}

#[test]
fn a_renamed_vault_does_not_open_for_the_other_party() {
    let home = filled();
    set(&home, META, META_PARTY, Some(b"beta"));
    let error = Vault::open(&home.path(), &party("beta"), &master(7)).unwrap_err();
    assert!(matches!(error, VaultError::Damaged { .. }), "{error}");
}

#[test]
fn a_changed_key_check_is_damage_and_not_a_wrong_key() {
    let home = filled();
    let mut check = get(&home, META, META_KEY_CHECK);
    check[0] ^= 1;
    set(&home, META, META_KEY_CHECK, Some(&check));
    assert_damaged(&home, "key check");
    set(&home, META, META_KEY_CHECK, Some(b"short"));
    assert_damaged(&home, "key check");
}

#[test]
fn a_newer_format_is_told_as_such() {
    let home = filled();
    set(&home, META, META_FORMAT, Some(&2_u32.to_be_bytes()));
    let error = home.try_open().unwrap_err();
    assert!(matches!(
        error,
        VaultError::NewerVersion {
            found: 2,
            known: 1,
            ..
        }
    ));
    assert!(error.to_string().contains("run the newer version"));
}
