//! The key that names are reserved under.

use std::fmt;

use countersign_domain::account::normalised;
use countersign_domain::ids::AccountId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::Reservation;

/// The scope of user names.
pub const USERNAME: &str = "account.username";

/// The scope of email addresses.
pub const EMAIL: &str = "account.email";

/// The scopes in which names were reserved in clear, before, and what they are now.
const BEFORE: [(&str, &str); 2] = [("username", USERNAME), ("email", EMAIL)];

const CHECK: &[u8] = b"countersign-hash-key-check-v1";
const VALUE: &[u8] = b"countersign-reservation-v1\n";
const COMMAND: &[u8] = b"countersign-registration-command-v1\n";

/// A 256-bit key, the same for a whole deployment: who does not have it cannot try out
/// whether a name is among those that are reserved.
#[derive(Clone)]
pub struct HashKey(Zeroizing<[u8; 32]>);

impl HashKey {
    /// A key of random bytes.
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// What stands for a name in a scope: HMAC-SHA-256 of both, without case.
    pub fn value(&self, scope: &str, name: &str) -> String {
        let name = normalised(name);
        hex::encode(self.mac(&[VALUE, scope.as_bytes(), b"\n", name.as_bytes()]))
    }

    /// The reservation of a name.
    pub fn reservation(&self, scope: &str, name: &str, owner: AccountId) -> Reservation {
        Reservation {
            scope: scope.to_owned(),
            value: self.value(scope, name),
            owner: owner.to_string(),
        }
    }

    /// The id of the command that registers an account: clients may well make the `jti`
    /// of personal data.
    pub fn command(&self, account: AccountId, jti: &str) -> Uuid {
        let mac = self.mac(&[COMMAND, account.0.as_bytes(), jti.as_bytes()]);
        let mut id = [0; 16];
        id.copy_from_slice(&mac[..16]);
        uuid::Builder::from_custom_bytes(id).into_uuid()
    }

    /// Tells this key from another, and nothing else of it.
    pub(crate) fn check_value(&self) -> [u8; 32] {
        self.mac(&[CHECK])
    }

    /// A reservation from before, as it would be made now; none of another scope.
    pub(crate) fn renewed(&self, scope: &str, value: &str) -> Option<(&'static str, String)> {
        let (_, now) = BEFORE.iter().find(|(before, _)| *before == scope)?;
        Some((now, self.value(now, value)))
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.as_ref()).expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hashed_without_case_under_the_key_and_in_their_scope() {
        let key = |byte| HashKey::new(Zeroizing::new([byte; 32]));
        let alice = key(1).value(USERNAME, "Alice");
        assert_eq!(alice, key(1).value(USERNAME, "aLICE"));
        assert_ne!(alice, key(2).value(USERNAME, "alice"));
        assert_ne!(alice, key(1).value(EMAIL, "alice"));
        assert_ne!(key(1).check_value(), key(2).check_value());
    }
}
