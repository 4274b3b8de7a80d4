//! Compact JWS (RFC 7515) with a fixed `typ`, over Ed25519 or secp256k1 keys.
//!
//! `jwt-compact` parses and assembles the tokens; the two algorithms are bound
//! to the curve crates that the rest of the product uses.

use std::borrow::Cow;
use std::num::NonZeroUsize;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_compact::{
    Algorithm, AlgorithmExt as _, AlgorithmSignature, Claims, Header, UntrustedToken,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::auth_key::{AuthKey, AuthSigner};
use crate::json;

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN: usize = 128 * 1024;

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than [`MAX_TOKEN`].
    #[error("the JWS is longer than {MAX_TOKEN} bytes")]
    TooLong,
    /// Not three base64url parts holding a JSON header and claims, or a name
    /// occurs twice in one of them, or the header has critical extensions.
    #[error("not a compact JWS with JSON claims, every name once and no `crit` in its header")]
    Malformed,
    /// The header's `typ` is another.
    #[error("the JWS header must have \"typ\":\"{0}\"")]
    Type(&'static str),
    /// The header's `alg` does not fit the key.
    #[error("the JWS header must have \"alg\":\"{0}\", the algorithm of the auth key")]
    Algorithm(&'static str),
    /// Signed by another key, or changed.
    #[error("the JWS is not signed by the expected key")]
    Signature,
}

struct Scheme(&'static str);
struct Bytes([u8; 64]);

impl AlgorithmSignature for Bytes {
    const LENGTH: Option<NonZeroUsize> = NonZeroUsize::new(64);

    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        Ok(Self(slice.try_into()?))
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.0)
    }
}

impl Algorithm for Scheme {
    type SigningKey = AuthSigner;
    type VerifyingKey = AuthKey;
    type Signature = Bytes;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.0)
    }

    fn sign(&self, signing_key: &AuthSigner, message: &[u8]) -> Bytes {
        Bytes(signing_key.sign(message))
    }

    fn verify_signature(&self, signature: &Bytes, key: &AuthKey, message: &[u8]) -> bool {
        key.verify(message, &signature.0)
    }
}

/// Signs `claims` (a JSON object) as a compact JWS of type `typ`.
///
/// # Errors
/// [`JwsError::Malformed`] when the claims are no JSON object.
pub fn sign(typ: &str, claims: &impl Serialize, signer: &AuthSigner) -> Result<String, JwsError> {
    let Ok(Value::Object(mut claims)) = serde_json::to_value(claims) else {
        return Err(JwsError::Malformed);
    };
    let key = signer.public();
    let header = Header::empty()
        .with_token_type(typ)
        .with_key_id(key.thumbprint().as_str());
    // `exp`, `nbf` and `iat` are fields of their own in `Claims`; taken out here
    // so that they are not written twice.
    let mut standard = Claims::empty();
    standard.expiration = time_claim(&mut claims, "exp");
    standard.not_before = time_claim(&mut claims, "nbf");
    standard.issued_at = time_claim(&mut claims, "iat");
    let mut all = Claims::new(claims);
    all.expiration = standard.expiration;
    all.not_before = standard.not_before;
    all.issued_at = standard.issued_at;
    Scheme(key.algorithm())
        .token(&header, &all, signer)
        .map_err(|_| JwsError::Malformed)
}

/// Verifies a compact JWS of type `typ` against `key`.
///
/// # Errors
/// [`JwsError`] names the first thing that is wrong.
pub fn verify(
    token: &str,
    typ: &'static str,
    key: &AuthKey,
) -> Result<Map<String, Value>, JwsError> {
    let parsed = parse(token)?;
    if parsed.header().token_type.as_deref() != Some(typ) {
        return Err(JwsError::Type(typ));
    }
    let scheme = Scheme(key.algorithm());
    if parsed.algorithm() != scheme.0 {
        return Err(JwsError::Algorithm(scheme.0));
    }
    // The signature alone is verified here: `jwt-compact`'s validator reads the
    // times first, and a wrong `exp` would pass for a wrong signature.
    let (signed, _) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
    let signature =
        Bytes::try_from_slice(parsed.signature_bytes()).map_err(|_| JwsError::Signature)?;
    if !scheme.verify_signature(&signature, key, signed.as_bytes()) {
        return Err(JwsError::Signature);
    }
    claims(token)
}

/// The claims of a token, unverified.
///
/// # Errors
/// [`JwsError::Malformed`] or [`JwsError::TooLong`].
pub fn claims(token: &str) -> Result<Map<String, Value>, JwsError> {
    parse(token)?;
    part(token, 1)
}

fn parse(token: &str) -> Result<UntrustedToken<'_>, JwsError> {
    if token.len() > MAX_TOKEN {
        return Err(JwsError::TooLong);
    }
    // RFC 7515, section 4.1.11: who does not understand a critical extension
    // must refuse the token. None is understood here.
    if part(token, 0)?.contains_key("crit") {
        return Err(JwsError::Malformed);
    }
    UntrustedToken::new(token).map_err(|_| JwsError::Malformed)
}

/// The header (0) or claims (1): two readers could make different things of an
/// object that has a name twice, so it is refused (RFC 7515, sections 4 and 10.12).
fn part(token: &str, at: usize) -> Result<Map<String, Value>, JwsError> {
    let encoded = token.split('.').nth(at).ok_or(JwsError::Malformed)?;
    let bytes = URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| JwsError::Malformed)?;
    json::object(&bytes).ok_or(JwsError::Malformed)
}

fn time_claim(
    claims: &mut Map<String, Value>,
    name: &str,
) -> Option<chrono::DateTime<chrono::Utc>> {
    let seconds = claims.get(name)?.as_i64()?;
    let time = chrono::DateTime::from_timestamp(seconds, 0)?;
    claims.remove(name);
    Some(time)
}
