//! Receipts: what a party signs once its share of a new key is sealed on disk.
//!
//! Receipts that differ in anything but who signed them activate nothing, and
//! the client checks all of them against its own roster: a coordinator that
//! swapped the auth key or a party is found out before an address is used.

use serde::{Deserialize, Serialize};

use crate::auth_key::{AuthKey, AuthSigner, Thumbprint};
use crate::bytes::{Digest, PublicKey};
use crate::engine::EngineId;
use crate::ids::{AccountId, KeyId, PartyId, SessionId};
use crate::jws::{self, JwsError};
use crate::quorum::Quorum;
use crate::roster::{Member, fingerprint};

/// The `typ` of a receipt's JWS header.
pub const TYPE: &str = "countersign-receipt+jwt";

/// The claims of a receipt: "my share of this key is sealed on disk".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The party that signs.
    pub party: PartyId,
    /// Its index in the key, from 1.
    pub index: u8,
    /// The part that all receipts of a key must share.
    pub statement: Statement,
}

/// What all parties of a key must have seen alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The key.
    pub key: KeyId,
    /// The session that made it.
    pub session: SessionId,
    /// The attempt that made it, from 1.
    pub attempt: u32,
    /// The account it belongs to.
    pub account: AccountId,
    /// The protocol.
    pub engine: EngineId,
    /// How many of how many.
    pub quorum: Quorum,
    /// Epoch of the shares, from 1.
    pub epoch: u32,
    /// Fingerprint of the key's members.
    pub roster: Digest,
    /// The public key that came out.
    pub public_key: PublicKey,
    /// BIP32 chain code of the public key.
    pub chain_code: Digest,
    /// Thumbprint of the auth key that the party pinned.
    pub auth_key: Thumbprint,
    /// Hash of every broadcast of the ceremony; it stands in for an echo round.
    pub broadcasts: Digest,
}

/// Why receipts activate nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The token of this party is malformed or not signed by its pinned key.
    #[error("receipt of party `{party}` is refused: {source}")]
    Jws {
        /// Whose receipt.
        party: PartyId,
        /// The cause.
        source: JwsError,
    },
    /// The claims are not those of a receipt.
    #[error("receipt of party `{0}` has other claims than a receipt")]
    Claims(PartyId),
    /// The receipt names another party or index than its signer has.
    #[error("receipt of party `{0}` names another party")]
    Signer(PartyId),
    /// Not one receipt for each member.
    #[error("{got} receipts for {expected} parties")]
    Count {
        /// Receipts given.
        got: usize,
        /// Parties of the key.
        expected: usize,
    },
    /// Parties saw different things.
    #[error("the receipts of `{0}` and `{1}` differ in `{2}`")]
    Differ(PartyId, PartyId, &'static str),
    /// The receipts state something else than expected.
    #[error("the receipts state another `{0}` than expected")]
    Unexpected(&'static str),
}

impl Receipt {
    /// Signs with the party's identity key (EdDSA).
    ///
    /// # Errors
    /// [`JwsError`] when the claims cannot be written.
    pub fn sign(&self, key: &ed25519_dalek::SigningKey) -> Result<String, JwsError> {
        jws::sign(TYPE, self, &AuthSigner::Ed25519(key.clone()))
    }

    /// Verifies the receipt of one member.
    ///
    /// # Errors
    /// [`ReceiptError`] names the party and what is wrong.
    pub fn verify(token: &str, member: &Member) -> Result<Self, ReceiptError> {
        let party = &member.identity.party;
        let refuse = |source| ReceiptError::Jws {
            party: party.clone(),
            source,
        };
        let key = ed25519_dalek::VerifyingKey::from_bytes(&member.identity.sign_key.0)
            .map_err(|_| refuse(JwsError::Signature))?;
        let verified = jws::verify(token, TYPE, &AuthKey::Ed25519(key)).map_err(refuse)?;
        let receipt: Self = serde_json::from_value(verified.into())
            .map_err(|_| ReceiptError::Claims(party.clone()))?;
        if receipt.party != *party || receipt.index != member.index {
            return Err(ReceiptError::Signer(party.clone()));
        }
        Ok(receipt)
    }
}

impl Statement {
    /// The first field in which two statements differ.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let fields = [
            ("key", self.key == other.key),
            ("session", self.session == other.session),
            ("attempt", self.attempt == other.attempt),
            ("account", self.account == other.account),
            ("engine", self.engine == other.engine),
            ("quorum", self.quorum == other.quorum),
            ("epoch", self.epoch == other.epoch),
            ("roster", self.roster == other.roster),
            ("public_key", self.public_key == other.public_key),
            ("chain_code", self.chain_code == other.chain_code),
            ("auth_key", self.auth_key == other.auth_key),
            ("broadcasts", self.broadcasts == other.broadcasts),
        ];
        fields.iter().find(|(_, same)| !same).map(|(name, _)| *name)
    }
}

/// Verifies that every member signed the same statement, and that the statement
/// is about these members. `tokens` are in the order of the members.
///
/// # Errors
/// [`ReceiptError`] names the first party or field that is wrong.
pub fn agree(tokens: &[String], members: &[Member]) -> Result<Statement, ReceiptError> {
    if tokens.len() != members.len() || members.is_empty() {
        return Err(ReceiptError::Count {
            got: tokens.len(),
            expected: members.len(),
        });
    }
    let receipts = tokens
        .iter()
        .zip(members)
        .map(|(token, member)| Receipt::verify(token, member))
        .collect::<Result<Vec<_>, _>>()?;
    let first = &receipts[0];
    for other in &receipts[1..] {
        if let Some(field) = first.statement.difference(&other.statement) {
            let (a, b) = (first.party.clone(), other.party.clone());
            return Err(ReceiptError::Differ(a, b, field));
        }
    }
    let statement = first.statement.clone();
    if statement.roster != fingerprint(members) {
        return Err(ReceiptError::Unexpected("roster"));
    }
    if usize::from(statement.quorum.parties()) != members.len() {
        return Err(ReceiptError::Unexpected("quorum"));
    }
    Ok(statement)
}
