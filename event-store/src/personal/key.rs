//! The key of one account's personal data.

use std::fmt;

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut as _, Aes256Gcm};
use countersign_domain::bytes::Digest;
use countersign_domain::ids::AccountId;
use countersign_domain::personal::{PersonalData, Sealed};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Length of a nonce, in bytes.
pub const NONCE: usize = 12;

const TAG: usize = 16;

/// The version of the sealed form.
const VERSION: u8 = 1;

/// The plaintext is filled up to a multiple of this, so that its length tells little
/// of the name in it.
const BLOCK: usize = 256;

const SEAL: &[u8] = b"countersign-personal-seal-v1";
const REQUEST: &[u8] = b"countersign-personal-request-v1";

/// A 256-bit key of one account. Whoever destroys it has erased the account's personal
/// data, wherever the log was copied to.
#[derive(Clone)]
pub struct PersonalKey(Zeroizing<[u8; 32]>);

/// Sealed personal data that do not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the personal data do not open: they were changed, or the key is another account's")]
pub struct OpenError;

impl PersonalKey {
    /// A key of random bytes.
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// The bytes, for where keys are kept.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals the personal data of an account: one byte, the version; a nonce; AES-256-GCM
    /// over JSON that is filled up with spaces. `nonce` is random, and used once.
    pub fn seal(&self, account: AccountId, data: &PersonalData, nonce: [u8; NONCE]) -> Sealed {
        let mut text = Zeroizing::new(serde_json::to_vec(data).expect("text is written as JSON"));
        let filled = text.len().next_multiple_of(BLOCK);
        text.resize(filled, b' ');
        let tag = self
            .cipher()
            .encrypt_inout_detached(
                &nonce.into(),
                &associated(account),
                InOutBuf::from(text.as_mut_slice()),
            )
            .expect("registrations are far below the limit of AES-GCM");
        Sealed([&[VERSION], nonce.as_slice(), &text, &tag].concat())
    }

    /// Opens what was sealed for this account by this key.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(&self, account: AccountId, sealed: &Sealed) -> Result<PersonalData, OpenError> {
        let (version, rest) = sealed.0.split_first().ok_or(OpenError)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(OpenError)?;
        let (text, tag) = rest.split_last_chunk::<TAG>().ok_or(OpenError)?;
        if *version != VERSION {
            return Err(OpenError);
        }
        let mut text = Zeroizing::new(text.to_vec());
        self.cipher()
            .decrypt_inout_detached(
                &(*nonce).into(),
                &associated(account),
                InOutBuf::from(text.as_mut_slice()),
                &(*tag).into(),
            )
            .map_err(|_| OpenError)?;
        serde_json::from_slice(&text).map_err(|_| OpenError)
    }

    /// The fingerprint of a registration, by the hash of its claims: it tells a retry,
    /// as long as the key is there, and is noise without it.
    pub fn fingerprint(&self, asked: &Digest) -> [u8; 32] {
        *self.derive(REQUEST, &asked.0)
    }

    fn cipher(&self) -> Aes256Gcm {
        let key = self.derive(SEAL, &[]);
        <Aes256Gcm as aes_gcm::KeyInit>::new(&(*key).into())
    }

    fn derive(&self, context: &[u8], data: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.as_ref()).expect("HMAC takes keys of any length");
        mac.update(context);
        mac.update(data);
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

/// What the ciphertext is bound to: account, event and field.
fn associated(account: AccountId) -> Vec<u8> {
    let mut data = b"countersign-personal-v1\nAccountRegistered/personal\n".to_vec();
    data.extend_from_slice(account.0.as_bytes());
    data
}

impl fmt::Debug for PersonalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonalKey(..)")
    }
}

impl PartialEq for PersonalKey {
    fn eq(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }
}

impl Eq for PersonalKey {}

#[cfg(test)]
mod tests {
    use countersign_domain::bytes::Hex;

    use super::*;

    fn key(byte: u8) -> PersonalKey {
        PersonalKey::new(Zeroizing::new([byte; 32]))
    }

    fn account(number: u128) -> AccountId {
        AccountId(uuid::Uuid::from_u128(number))
    }

    fn data(username: &str) -> PersonalData {
        PersonalData {
            username: username.to_owned(),
            email: format!("{username}@example.com"),
            intent: "a.b.c".to_owned(),
        }
    }

    #[test]
    fn what_is_sealed_opens_for_its_account_by_its_key_only() {
        let sealed = key(1).seal(account(1), &data("alice"), [7; NONCE]);
        assert_eq!(key(1).open(account(1), &sealed), Ok(data("alice")));
        assert_eq!(key(2).open(account(1), &sealed), Err(OpenError));
        assert_eq!(key(1).open(account(2), &sealed), Err(OpenError));
    }

    #[test]
    fn every_bit_of_it_counts() {
        let sealed = key(1).seal(account(1), &data("alice"), [7; NONCE]);
        for at in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[at] ^= 1;
            assert_eq!(key(1).open(account(1), &changed), Err(OpenError), "{at}");
        }
        for length in 0..sealed.0.len() {
            let cut = Sealed(sealed.0[..length].to_vec());
            assert_eq!(key(1).open(account(1), &cut), Err(OpenError), "{length}");
        }
    }

    #[test]
    fn its_length_does_not_tell_a_short_name_from_a_longer_one() {
        let short = key(1).seal(account(1), &data("al"), [7; NONCE]);
        let long = key(1).seal(account(1), &data("alexandra"), [7; NONCE]);
        assert_eq!(short.0.len(), long.0.len());
    }

    #[test]
    fn a_fingerprint_is_of_the_request_and_of_the_key() {
        let asked = Hex([3; 32]);
        assert_eq!(key(1).fingerprint(&asked), key(1).fingerprint(&asked));
        assert_ne!(key(1).fingerprint(&asked), key(2).fingerprint(&asked));
        assert_ne!(
            key(1).fingerprint(&asked),
            key(1).fingerprint(&Hex([4; 32]))
        );
    }

    #[test]
    fn debug_says_nothing_of_it() {
        assert_eq!(format!("{:?}", key(0xab)), "PersonalKey(..)");
    }
}
