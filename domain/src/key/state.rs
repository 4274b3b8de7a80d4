//! What a key is now.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::auth_key::Thumbprint;
use crate::bytes::{Digest, PublicKey};
use crate::engine::EngineId;
use crate::ids::{AccountId, KeyId, PartyId, SessionId};
use crate::quorum::Quorum;
use crate::roster::Member;

/// The status of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// Its parties are generating it.
    Requested,
    /// Signs.
    Active,
    /// Does not sign until unfrozen.
    Frozen,
    /// Of no use any more.
    Retired,
}

impl KeyStatus {
    /// All statuses.
    pub const ALL: [Self; 4] = [Self::Requested, Self::Active, Self::Frozen, Self::Retired];

    /// The transition table.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use KeyStatus::{Active, Frozen, Requested, Retired};
        matches!(
            (self, next),
            (Requested, Active | Retired) | (Active, Frozen | Retired) | (Frozen, Active | Retired)
        )
    }
}

impl fmt::Display for KeyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requested => "requested",
            Self::Active => "active",
            Self::Frozen => "frozen",
            Self::Retired => "retired",
        })
    }
}

/// What a key was asked to be; it never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFacts {
    /// The key.
    pub key: KeyId,
    /// Whose it is.
    pub account: AccountId,
    /// The session that generates it.
    pub session: SessionId,
    /// The protocol.
    pub engine: EngineId,
    /// How many of how many.
    pub quorum: Quorum,
    /// Who holds the shares, indexed 1 … n.
    pub members: Vec<Member>,
    /// Fingerprint of the members.
    pub roster: Digest,
    /// Thumbprint of the account's auth key.
    pub auth_key: Thumbprint,
}

/// What came out of the generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicPart {
    /// Compressed public key.
    pub public_key: PublicKey,
    /// BIP32 chain code.
    pub chain_code: Digest,
}

/// The state of a key; the default is one that does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    pub(super) requested: Option<Requested>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Requested {
    pub(super) facts: KeyFacts,
    pub(super) status: KeyStatus,
    pub(super) epoch: u32,
    pub(super) public: Option<PublicPart>,
    pub(super) banned: BTreeSet<(PartyId, PartyId)>,
}

impl Key {
    /// The status; none when the key does not exist.
    #[must_use]
    pub fn status(&self) -> Option<KeyStatus> {
        self.requested.as_ref().map(|k| k.status)
    }

    /// What it was asked to be.
    #[must_use]
    pub fn facts(&self) -> Option<&KeyFacts> {
        self.requested.as_ref().map(|k| &k.facts)
    }

    /// What came out of the generation.
    #[must_use]
    pub fn public(&self) -> Option<PublicPart> {
        self.requested.as_ref().and_then(|k| k.public)
    }

    /// The epoch of the shares, from 1.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.requested.as_ref().map_or(0, |k| k.epoch)
    }

    /// Whether two parties must not sign together.
    #[must_use]
    pub fn banned(&self, a: &PartyId, b: &PartyId) -> bool {
        self.requested
            .as_ref()
            .is_some_and(|k| k.banned.contains(&pair(a, b)))
    }
}

/// A pair of parties in the order in which it is kept: the lesser name first.
#[must_use]
pub fn pair(a: &PartyId, b: &PartyId) -> (PartyId, PartyId) {
    if a <= b {
        (a.clone(), b.clone())
    } else {
        (b.clone(), a.clone())
    }
}
