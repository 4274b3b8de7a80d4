//! Intents: what an account asks for, signed by its own auth key.
//!
//! An intent is a compact JWS with `typ` [`TYPE`]. Every field that changes what
//! happens is a claim, unknown claims are refused, and whoever acts on an intent
//! verifies it for itself: the command side, every party, and every auditor.

mod action;
mod claims;

use std::fmt;

use chrono::Duration;
use serde_json::Value;

pub use action::{Action, SignPayload};
pub use claims::ClaimError;

use crate::Timestamp;
use crate::auth_key::{AuthKey, AuthSigner};
use crate::bytes::Digest;
use crate::ids::AccountId;
use crate::jws::{self, JwsError};

/// The `typ` of an intent's JWS header.
pub const TYPE: &str = "countersign-intent+jwt";

/// The `aud` claim of every intent.
pub const AUDIENCE: &str = "countersign";

/// The longest time between `iat` and `exp`.
pub const MAX_LIFETIME: Duration = Duration::hours(24);

/// How far in the future `iat` may lie, for clocks that differ.
pub const CLOCK_SKEW: Duration = Duration::seconds(60);

/// The longest message that an intent may carry, in bytes.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Why an intent is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntentError {
    /// The token itself.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// A claim is missing, unknown or wrong.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// `exp` has passed.
    #[error("the intent expired at {0}: sign a new one")]
    Expired(Timestamp),
    /// `iat` lies in the future.
    #[error("the intent was issued in the future, at {0}: check the clock")]
    NotYetValid(Timestamp),
}

impl IntentError {
    /// The request field or claim that is wrong.
    #[must_use]
    pub fn field(&self) -> &str {
        match self {
            Self::Jws(_) => "intent",
            Self::Claim(error) => &error.claim,
            Self::Expired(_) => "exp",
            Self::NotYetValid(_) => "iat",
        }
    }
}

/// What an account asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The account that asks.
    pub account: AccountId,
    /// The request's own name, unique within the account.
    pub jti: String,
    /// When it was signed.
    pub issued_at: Timestamp,
    /// When it stops to be valid.
    pub expires_at: Timestamp,
    /// What it asks for.
    pub action: Action,
}

/// An intent whose signature was verified.
#[derive(Clone)]
pub struct VerifiedIntent {
    /// What was asked.
    pub intent: Intent,
    /// The JWS as it came.
    pub token: String,
    /// SHA-256 of the claims but `iat` and `exp`, as canonical JSON (RFC 8785):
    /// tells a retry, also one that was signed anew, from another request under
    /// the same `jti`.
    pub hash: Digest,
}

impl fmt::Debug for VerifiedIntent {
    /// Names the request; what it says stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedIntent")
            .field("account", &self.intent.account)
            .field("kind", &self.intent.action.kind())
            .field("jti", &self.intent.jti)
            .finish_non_exhaustive()
    }
}

impl Intent {
    /// Reads an intent without verifying its signature: to learn which account's
    /// key to verify it with.
    ///
    /// # Errors
    /// [`IntentError::Jws`] or [`IntentError::Claim`].
    pub fn peek(token: &str) -> Result<Self, IntentError> {
        Ok(claims::read(jws::claims(token)?)?)
    }

    /// Verifies the signature by `key`. The time is not looked at: a retry of a
    /// request that was already taken stays answerable. See [`Self::check_time`].
    ///
    /// # Errors
    /// [`IntentError`] names the first thing that is wrong.
    pub fn verify(token: &str, key: &AuthKey) -> Result<VerifiedIntent, IntentError> {
        let verified = jws::verify(token, TYPE, key)?;
        Ok(VerifiedIntent {
            token: token.to_owned(),
            hash: claims::hash(&verified),
            intent: claims::read(verified)?,
        })
    }

    /// Verifies a registration, by the key that it registers: proof of possession.
    ///
    /// # Errors
    /// As [`Self::verify`]; a claim error when it is no registration.
    pub fn verify_registration(token: &str) -> Result<VerifiedIntent, IntentError> {
        match Self::peek(token)?.action {
            Action::Register { auth_key, .. } => Self::verify(token, &auth_key),
            _ => Err(ClaimError::new("kind", "must be account.register here").into()),
        }
    }

    /// Checks `iat` and `exp` against the present.
    ///
    /// # Errors
    /// [`IntentError::Expired`] or [`IntentError::NotYetValid`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), IntentError> {
        if self.issued_at > now + CLOCK_SKEW {
            Err(IntentError::NotYetValid(self.issued_at))
        } else if self.expires_at <= now {
            Err(IntentError::Expired(self.expires_at))
        } else {
            Ok(())
        }
    }

    /// Signs this intent. Times are cut to whole seconds.
    ///
    /// # Errors
    /// [`JwsError`] when the claims cannot be written.
    pub fn sign(&self, signer: &AuthSigner) -> Result<String, JwsError> {
        jws::sign(TYPE, &Value::Object(claims::write(self)), signer)
    }
}
