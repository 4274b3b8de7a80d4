//! Identifiers. They derive from what was signed, so that the same request
//! always names the same thing and nobody else can choose a name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::auth_key::Thumbprint;

/// Namespace of account ids (UUIDv5, RFC 9562).
const ACCOUNTS: Uuid = Uuid::from_u128(0x6d0c_2f6a_52a4_5c1b_9f0e_0d1c_64b1_77a1);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::try_parse(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// An account. It is the UUIDv5 of the thumbprint of the auth key that
    /// registered it, so a party can check for itself that a key belongs to an
    /// account.
    AccountId
);
uuid_id!(
    /// A threshold key.
    KeyId
);
uuid_id!(
    /// One run of a protocol. Named by the intent that asked for it.
    SessionId
);

impl AccountId {
    /// The account that the auth key with this thumbprint registers.
    #[must_use]
    pub fn of(thumbprint: &Thumbprint) -> Self {
        Self(Uuid::new_v5(&ACCOUNTS, thumbprint.as_str().as_bytes()))
    }

    /// The command id of an intent of this account: UUIDv5 of account and `jti`.
    #[must_use]
    pub fn command(&self, jti: &str) -> Uuid {
        Uuid::new_v5(&self.0, jti.as_bytes())
    }
}

impl SessionId {
    /// The session that an intent of `account` with this `jti` starts.
    #[must_use]
    pub fn of(account: AccountId, jti: &str) -> Self {
        Self(account.command(jti))
    }
}

impl KeyId {
    /// The key that a key generation session makes.
    #[must_use]
    pub fn of(session: SessionId) -> Self {
        Self(Uuid::new_v5(&session.0, b"key"))
    }
}

/// The name of a signing party: 1 to 63 lower-case letters, digits and dashes,
/// beginning with a letter or digit (it becomes part of subjects and paths).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PartyId(String);

/// A party name that breaks the rules of [`PartyId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no party name: use 1 to 63 lower-case letters, digits and dashes, \
     beginning with a letter or digit"
)]
pub struct PartyIdError(String);

impl PartyId {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PartyId {
    type Err = PartyIdError;

    fn from_str(text: &str) -> Result<Self, PartyIdError> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let ok =
            (1..=63).contains(&text.len()) && text.bytes().all(legal) && !text.starts_with('-');
        if ok {
            Ok(Self(text.to_owned()))
        } else {
            Err(PartyIdError(text.chars().take(80).collect()))
        }
    }
}

impl<'de> Deserialize<'de> for PartyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::parsed(deserializer, "the name of a party")
    }
}
