//! What the client verifies for itself: that a key is what its parties say under
//! the client's own roster, and that a signature is one by that key.

use std::path::Path;

use countersign_domain::auth_key::Thumbprint;
use countersign_domain::bytes::{Digest, PublicKey};
use countersign_domain::ids::{AccountId, KeyId};
use countersign_domain::path::DerivationPath;
use countersign_domain::quorum::Quorum;
use countersign_domain::receipt::{self, Statement};
use countersign_domain::roster::{Member, Roster};
use countersign_domain::signature::{Signature, ethereum_address};
use serde::Deserialize;
use serde_json::Value;

use crate::failure::{Failure, Outcome};

/// Reads the client's own roster.
pub(crate) fn roster(path: &Path) -> Outcome<Roster> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!(
            "cannot read the roster {shown} ({error}): receipts are checked against your own copy; \
             get roster.json from whoever runs the parties and name it with --roster"
        ))
    })?;
    serde_json::from_str(&text).map_err(|error| Failure::usage(format!("{shown}: {error}")))
}

/// A key whose receipts were verified.
#[derive(Debug, Clone)]
pub(crate) struct VerifiedKey {
    pub(crate) statement: Statement,
    pub(crate) members: Vec<Member>,
}

#[derive(Deserialize)]
struct KeyDocument {
    key_id: KeyId,
    account_id: AccountId,
    threshold: u8,
    parties: u8,
    public_key: PublicKey,
    members: Vec<Member>,
    receipts: Vec<String>,
}

/// What a key must be.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    /// The key that was asked for.
    pub(crate) key: KeyId,
    /// Whose it is.
    pub(crate) account: AccountId,
    /// The auth key that the parties must have pinned.
    pub(crate) auth_key: Thumbprint,
    /// How many of how many, where that was asked for.
    pub(crate) quorum: Option<Quorum>,
}

/// Verifies a key document (a keygen answer, or a key of the read API): every
/// member is in the roster with these very keys, every member signed a receipt,
/// and all of them state this key, this account, and this auth key.
pub(crate) fn key(document: &Value, roster: &Roster, expected: &Expected) -> Outcome<VerifiedKey> {
    let document: KeyDocument = KeyDocument::deserialize(document)
        .map_err(|error| Failure::verification(format!("the key cannot be verified: {error}")))?;
    let refuse = |what: &str| {
        Failure::verification(format!(
            "key {} is not what was asked for ({what}): do not use its address",
            expected.key
        ))
    };
    roster
        .check(&document.members)
        .map_err(|error| refuse(&error.to_string()))?;
    let statement = receipt::agree(&document.receipts, &document.members)
        .map_err(|error| refuse(&error.to_string()))?;
    let shown = Quorum::new(document.threshold, document.parties).ok();
    let wrong = [
        (
            "key",
            statement.key == expected.key && document.key_id == expected.key,
        ),
        ("session", KeyId::of(statement.session) == expected.key),
        (
            "account",
            statement.account == expected.account && document.account_id == expected.account,
        ),
        ("public_key", statement.public_key == document.public_key),
        ("auth_key", statement.auth_key == expected.auth_key),
        (
            "quorum",
            Some(statement.quorum) == shown
                && expected.quorum.is_none_or(|q| q == statement.quorum),
        ),
    ];
    match wrong.iter().find(|(_, right)| !right) {
        Some((field, _)) => Err(refuse(&format!("the receipts state another {field}"))),
        None => Ok(VerifiedKey {
            statement,
            members: document.members,
        }),
    }
}

/// Verifies a signature answer against a verified key.
pub(crate) fn signature(
    document: &Value,
    key: &VerifiedKey,
    path: &DerivationPath,
    digest: &Digest,
) -> Outcome<(Signature, PublicKey)> {
    let signature = Signature::deserialize(&document["signature"])
        .map_err(|error| Failure::verification(format!("the answer has no signature: {error}")))?;
    let public_key = path
        .derive(&key.statement.public_key, &key.statement.chain_code)
        .map_err(Failure::verification)?;
    signature.verify(digest, &public_key).map_err(|error| {
        Failure::verification(format!("the server's signature is refused: {error}"))
    })?;
    Ok((signature, public_key))
}

/// The Ethereum address of a verified public key.
pub(crate) fn address(public_key: &PublicKey) -> Outcome<String> {
    ethereum_address(public_key).map_err(Failure::verification)
}
