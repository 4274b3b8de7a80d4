//! Tells a wrong master key from a damaged file: a value that only the right
//! master key gives, beside a plain checksum of it.

use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::master_key::MasterKey;

/// What the check says about a master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyCheck {
    Right,
    Wrong,
    /// The check itself was changed, so it says nothing about the key.
    Damaged,
}

/// The check of a master key: 32 bytes derived from it (HKDF, RFC 5869), which
/// reveal nothing about it, and their SHA-256.
pub(super) fn make(master: &MasterKey) -> [u8; 64] {
    let mut check = [0; 64];
    let (value, checksum) = check.split_at_mut(32);
    Hkdf::<Sha256>::new(Some(b"countersign-vault-key-check-v1"), master.bytes())
        .expand(&[], value)
        .expect("HKDF gives 32 bytes");
    checksum.copy_from_slice(&Sha256::digest(&*value));
    check
}

/// Compares a stored check with a master key.
pub(super) fn compare(stored: &[u8], master: &MasterKey) -> KeyCheck {
    let Some((value, checksum)) = stored.split_at_checked(32) else {
        return KeyCheck::Damaged;
    };
    if *checksum != *Sha256::digest(value) {
        KeyCheck::Damaged
    } else if bool::from(stored.ct_eq(&make(master))) {
        KeyCheck::Right
    } else {
        KeyCheck::Wrong
    }
}
