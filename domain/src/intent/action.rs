//! What an intent can ask for.

use crate::auth_key::AuthKey;
use crate::bytes::Digest;
use crate::digest::HashScheme;
use crate::engine::EngineId;
use crate::ids::{KeyId, SessionId};
use crate::path::DerivationPath;
use crate::quorum::Quorum;

/// The request of an intent; the claim `kind` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `account.register`: a new account for this auth key.
    Register {
        /// Unique, compared without case.
        username: String,
        /// Unique, compared without case.
        email: String,
        /// The key whose holder speaks for the account.
        auth_key: AuthKey,
        /// What keys of this account have unless they say otherwise.
        quorum: Quorum,
    },
    /// `account.suspend`.
    Suspend,
    /// `account.reactivate`.
    Reactivate,
    /// `account.erase`: the personal data go for good, and the account is closed.
    Erase,
    /// `key.create`: distributed key generation.
    CreateKey {
        /// The protocol.
        engine: EngineId,
        /// How many of how many.
        quorum: Quorum,
    },
    /// `key.freeze`: no signatures until unfrozen.
    Freeze {
        /// The key.
        key: KeyId,
    },
    /// `key.unfreeze`.
    Unfreeze {
        /// The key.
        key: KeyId,
    },
    /// `key.sign`: one signature.
    Sign {
        /// The key.
        key: KeyId,
        /// The epoch of its shares, 1 after key generation.
        epoch: u32,
        /// The child that signs; the root path is the key itself.
        path: DerivationPath,
        /// What is signed.
        payload: SignPayload,
    },
    /// `session.cancel`.
    Cancel {
        /// The session.
        session: SessionId,
    },
}

/// What is signed: a message that everyone hashes for themselves, or a digest
/// that was made elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignPayload {
    /// The whole message.
    Message {
        /// How it is hashed.
        hash: HashScheme,
        /// At most [`super::MAX_MESSAGE`] bytes.
        message: Vec<u8>,
    },
    /// A digest.
    Digest {
        /// The scheme that the account says it used; recorded, not checkable.
        hash: Option<HashScheme>,
        /// The 32 bytes.
        digest: Digest,
    },
}

impl SignPayload {
    /// The 32 bytes that are signed.
    #[must_use]
    pub fn digest(&self) -> Digest {
        match self {
            Self::Message { hash, message } => hash.digest(message),
            Self::Digest { digest, .. } => *digest,
        }
    }

    /// The scheme, as far as it is known.
    #[must_use]
    pub fn scheme(&self) -> Option<HashScheme> {
        match self {
            Self::Message { hash, .. } => Some(*hash),
            Self::Digest { hash, .. } => *hash,
        }
    }
}

impl Action {
    /// The claim `kind`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Register { .. } => "account.register",
            Self::Suspend => "account.suspend",
            Self::Reactivate => "account.reactivate",
            Self::Erase => "account.erase",
            Self::CreateKey { .. } => "key.create",
            Self::Freeze { .. } => "key.freeze",
            Self::Unfreeze { .. } => "key.unfreeze",
            Self::Sign { .. } => "key.sign",
            Self::Cancel { .. } => "session.cancel",
        }
    }
}
