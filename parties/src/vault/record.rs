//! What a party knows about a share of its own.

use std::fmt;

use countersign_domain::bytes::{Digest, PublicKey};
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_domain::quorum::Quorum;
use countersign_domain::roster::Member;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A record and its share, as the engine that made it encodes one.
pub type StoredShare = (ShareRecord, Zeroizing<Vec<u8>>);

/// Everything about a share but the share. It is sealed together with the share,
/// because it says whose intents the share obeys and who the other holders are.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareRecord {
    /// The key this is a share of.
    pub key: KeyId,
    /// The account the key belongs to.
    pub account: AccountId,
    /// Epoch of the shares, from 1; a refresh begins the next.
    pub epoch: u32,
    /// The engine that made it, the only one that can use it.
    pub engine: EngineId,
    /// How many of how many must sign.
    pub quorum: Quorum,
    /// This party's index among the members.
    pub me: u8,
    /// The holders of the key's shares, with the identity keys pinned when it was
    /// made.
    pub members: Vec<Member>,
    /// The fingerprint of the members.
    pub roster: Digest,
    /// The key's public key.
    pub public_key: PublicKey,
    /// The key's chain code (BIP32).
    pub chain_code: Digest,
    /// The account's auth key as this party pinned it: a public JWK (RFC 7517).
    pub auth_key: serde_json::Value,
    /// The session that made the share.
    pub session: SessionId,
    /// The receipt that this party signed for it, once it has.
    pub receipt: Option<String>,
}

impl fmt::Debug for ShareRecord {
    /// Leaves out the chain code: with the public key it reveals every address
    /// that is derived from the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShareRecord")
            .field("key", &self.key)
            .field("account", &self.account)
            .field("epoch", &self.epoch)
            .field("engine", &self.engine)
            .field("quorum", &self.quorum)
            .field("me", &self.me)
            .field("members", &self.members)
            .field("roster", &self.roster)
            .field("public_key", &self.public_key)
            .field("session", &self.session)
            .field("has_receipt", &self.receipt.is_some())
            .finish_non_exhaustive()
    }
}
