//! What an invited party is told. It travels sealed to the party, because of the
//! join token; everything else in it the party checks for itself.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::NewSession;
use crate::auth_key::AuthKey;
use crate::bytes::Hex;
use crate::ids::PartyId;

/// An invitation to one party.
#[derive(Clone, Serialize, Deserialize)]
pub struct SessionInvitation {
    /// The session as the log has it.
    pub session: NewSession,
    /// The account's auth key, which a party pins when it makes a key.
    pub auth_key: AuthKey,
    /// The attempt that the party is awaited for, from 1.
    pub attempt: u32,
    /// Who takes part in it, by index.
    pub signers: Vec<PartyId>,
    /// The party's one-time join token.
    pub token: Token,
}

/// A one-time join token; it never appears in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub Zeroizing<[u8; 32]>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl fmt::Debug for SessionInvitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionInvitation")
            .field("session", &self.session.session)
            .field("attempt", &self.attempt)
            .field("signers", &self.signers)
            .finish_non_exhaustive()
    }
}

impl Serialize for Token {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Hex(*self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Hex::<32>::deserialize(deserializer).map(|bytes| Self(Zeroizing::new(bytes.0)))
    }
}
