//! Files that were cut off or changed at random: an error or the same data, never
//! a panic and never other data.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::OnceLock;

use countersign_domain::bytes::Hex;
use proptest::prelude::*;
use redb::ReadableDatabase as _;

use super::{Home, master, party, record, session};
use crate::vault::tables::{SHARES, place_key};
use crate::vault::{BeginError, Vault, VaultError};

const SHARE: &[u8] = &[0x5a; 6000];

/// A vault with some of everything, closed.
fn filled() -> (Home, [u8; 64]) {
    let home = Home::new();
    let vault = home.open();
    for n in 1..=3 {
        vault.put_share(&record(n), SHARE).unwrap();
    }
    vault.set_receipt(record(2).key, 0, "signed").unwrap();
    vault.discard_share(record(3).key, 0).unwrap();
    for n in 1..=40 {
        vault
            .begin_attempt(session(n), 0, Hex([1; 32]), Hex([2; 32]))
            .unwrap();
    }
    vault.finish(session(1), b"{\"v\":27}").unwrap();
    let seed = **vault.identity_seed();
    (home, seed)
}

/// Opens a file and, if that is possible, compares everything in it. An error has
/// to be one of those that say what is wrong with the file.
fn same_or_error(path: &Path, seed: &[u8; 64]) -> Result<(), VaultError> {
    let vault = Vault::open(path, &party("alpha"), &master(7))?;
    assert_eq!(**vault.identity_seed(), *seed);
    assert_eq!(vault.keys()?, [(record(1).key, 0), (record(2).key, 0)]);
    let (found, share) = vault.share(record(1).key, 0)?.unwrap();
    assert_eq!((found, &share[..]), (record(1), SHARE));
    let found = vault.share_of_session(session(2))?.unwrap();
    assert_eq!(found.receipt.as_deref(), Some("signed"));
    assert!(vault.share(record(3).key, 0)?.is_none());
    assert_eq!(vault.finished(session(1))?.unwrap(), b"{\"v\":27}");
    for n in 1..=40 {
        match vault.begin_attempt(session(n), 0, Hex([1; 32]), Hex([2; 32])) {
            Err(BeginError::Finished { .. }) => assert_eq!(n, 1),
            Err(BeginError::AlreadyBegun { .. }) => assert_ne!(n, 1),
            Err(BeginError::Vault(error)) => return Err(error),
            other => panic!("session {n}: {other:?}"),
        }
    }
    Ok(())
}

/// Writes `bytes` as a vault and opens it; true if it opened with all its data.
fn survives(bytes: &[u8], seed: &[u8; 64]) -> bool {
    let home = Home::new();
    fs::write(home.path(), bytes).unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| same_or_error(&home.path(), seed)));
    match outcome.expect("no panic, and no other data") {
        Ok(()) => true,
        Err(
            error @ (VaultError::Damaged { .. }
            | VaultError::NewerVersion { .. }
            | VaultError::WrongParty { .. }),
        ) => {
            assert!(error.to_string().contains("alpha.vault"));
            false
        }
        Err(other) => panic!("not an error about the file's contents: {other:?}"),
    }
}

#[test]
fn an_intact_file_has_its_data() {
    let (home, seed) = filled();
    same_or_error(&home.path(), &seed).unwrap();
    assert!(survives(&fs::read(home.path()).unwrap(), &seed));
}

#[test]
fn a_truncated_file_is_damaged() {
    let (home, seed) = filled();
    let bytes = fs::read(home.path()).unwrap();
    let cut = [0, 1, 9, 64, 320, 4095, 4096, 8192, bytes.len() / 2];
    let near_end = [4096, 512, 1].map(|n| bytes.len() - n);
    for length in cut.into_iter().chain(near_end) {
        assert!(!survives(&bytes[..length], &seed), "{length} bytes");
    }
}

#[test]
fn a_file_that_is_no_vault_is_damaged() {
    for bytes in [&b"{\"not\": \"a vault\"}"[..], &[0; 8192], &[0xff; 10000]] {
        assert!(!survives(bytes, &[0; 64]));
    }
}

#[test]
fn a_database_that_is_no_vault_is_damaged() {
    let home = Home::new();
    drop(redb::Database::create(home.path()).unwrap());
    let error = home.try_open().unwrap_err();
    assert!(matches!(error, VaultError::Damaged { .. }), "{error}");
}

#[test]
fn a_flipped_byte_of_the_header_is_found_or_harmless() {
    let (home, seed) = filled();
    let bytes = fs::read(home.path()).unwrap();
    // Byte 9 has the flags that say which of the two commit slots counts.
    let flags = (0..8).map(|bit| (9, 1 << bit));
    for (offset, flip) in flags.chain((0..320).map(|offset| (offset, 0xff))) {
        let mut changed = bytes.clone();
        changed[offset] ^= flip;
        survives(&changed, &seed);
    }
}

#[test]
fn a_flipped_byte_anywhere_is_found_or_harmless() {
    let (home, seed) = filled();
    let bytes = fs::read(home.path()).unwrap();
    let used = 1 + bytes.iter().rposition(|&b| b != 0).unwrap();
    let mut found = 0;
    for offset in (320..used).step_by(601) {
        let mut changed = bytes.clone();
        changed[offset] ^= 0xff;
        found += usize::from(!survives(&changed, &seed));
    }
    assert!(found > 0, "no flip hit anything");
}

/// Made once, for all cases.
static FILLED: OnceLock<(Vec<u8>, [u8; 64])> = OnceLock::new();

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes_are_found_or_harmless(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..6),
    ) {
        let (bytes, seed) = FILLED.get_or_init(|| {
            let (home, seed) = filled();
            (fs::read(home.path()).unwrap(), seed)
        });
        let mut bytes = bytes.clone();
        let used = 1 + bytes.iter().rposition(|&b| b != 0).unwrap();
        for (index, flip) in flips {
            bytes[index.index(used)] ^= flip;
        }
        survives(&bytes, seed);
    }
}

/// What a party that was killed leaves: no clean end of the database.
#[test]
fn a_file_of_a_killed_party_has_everything_that_was_answered() {
    let home = Home::new();
    let vault = home.open();
    vault.put_share(&record(1), SHARE).unwrap();
    vault
        .begin_attempt(session(1), 3, Hex([1; 32]), Hex([2; 32]))
        .unwrap();
    vault.finish(session(1), b"{}").unwrap();
    let killed = Home::new();
    fs::copy(home.path(), killed.path()).unwrap();
    let seed = **vault.identity_seed();
    drop(vault);

    let vault = killed.open();
    assert_eq!(**vault.identity_seed(), seed);
    assert_eq!(*vault.share(record(1).key, 0).unwrap().unwrap().1, SHARE);
    assert_eq!(vault.finished(session(1)).unwrap().unwrap(), b"{}");
}

/// After a kill the database repairs itself; not by taking back what was answered.
#[test]
fn a_damaged_commit_of_a_killed_party_is_not_rolled_back() {
    let home = Home::new();
    let vault = home.open();
    for n in 1..=2 {
        vault
            .begin_attempt(session(n), 0, Hex([1; 32]), Hex([2; 32]))
            .unwrap();
    }
    let bytes = fs::read(home.path()).unwrap();
    drop(vault);

    let commit_slots = 64..320;
    for offset in commit_slots.step_by(5) {
        let killed = Home::new();
        let mut changed = bytes.clone();
        changed[offset] ^= 0xff;
        fs::write(killed.path(), changed).unwrap();
        let vault = match killed.try_open() {
            Ok(vault) => vault,
            Err(VaultError::Damaged { .. }) => continue,
            Err(other) => panic!("{other}"),
        };
        for n in 1..=2 {
            let again = vault.begin_attempt(session(n), 0, Hex([1; 32]), Hex([2; 32]));
            assert!(matches!(again, Err(BeginError::AlreadyBegun { .. })));
        }
    }
}

#[test]
fn a_damaged_share_is_found_at_opening_and_not_when_it_is_needed() {
    let home = Home::new();
    home.open().put_share(&record(1), SHARE).unwrap();
    let sealed = {
        let database = redb::Database::open(home.path()).unwrap();
        let read = database.begin_read().unwrap();
        let shares = read.open_table(SHARES).unwrap();
        let sealed = shares.get(&place_key(record(1).key, 0)).unwrap().unwrap();
        sealed.value().to_vec()
    };
    let mut bytes = fs::read(home.path()).unwrap();
    let middle = &sealed[sealed.len() / 2..][..64];
    let at = bytes.windows(64).position(|window| window == middle);
    bytes[at.unwrap()] ^= 1;
    fs::write(home.path(), bytes).unwrap();
    let error = home.try_open().unwrap_err();
    assert!(matches!(error, VaultError::Damaged { .. }), "{error}");
}
