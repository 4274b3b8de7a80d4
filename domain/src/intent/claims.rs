//! Intents as JWT claims: strict both ways, so that what is read is all there is.

use std::fmt::Display;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_compact::jwk::JsonWebKey;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{AUDIENCE, Action, Intent, MAX_LIFETIME, MAX_MESSAGE, SignPayload};
use crate::Timestamp;
use crate::account::{check_email, check_username};
use crate::auth_key::AuthKey;
use crate::bytes::{Digest, Hex};
use crate::ids::AccountId;
use crate::json;
use crate::path::DerivationPath;
use crate::quorum::Quorum;

/// A claim that is missing, unknown or wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("claim `{claim}` {detail}")]
pub struct ClaimError {
    /// The claim.
    pub claim: String,
    /// What is wrong with it, and what would be right.
    pub detail: String,
}

impl ClaimError {
    pub(crate) fn new(claim: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            claim: claim.into(),
            detail: detail.into(),
        }
    }
}

/// Claims not yet read; what is left over at the end is refused.
struct Reader(Map<String, Value>);

impl Reader {
    fn optional(&mut self, claim: &str) -> Option<Value> {
        self.0.remove(claim)
    }

    fn value(&mut self, claim: &str) -> Result<Value, ClaimError> {
        self.optional(claim)
            .ok_or_else(|| ClaimError::new(claim, "is missing"))
    }

    fn text(&mut self, claim: &str) -> Result<String, ClaimError> {
        match self.value(claim)? {
            Value::String(text) => Ok(text),
            _ => Err(ClaimError::new(claim, "must be a string")),
        }
    }

    fn parsed<T>(&mut self, claim: &str) -> Result<T, ClaimError>
    where
        T: FromStr<Err: Display>,
    {
        parse(claim, &self.text(claim)?)
    }

    fn number<T: TryFrom<u64>>(&mut self, claim: &str) -> Result<T, ClaimError> {
        self.value(claim)?
            .as_u64()
            .and_then(|n| T::try_from(n).ok())
            .ok_or_else(|| ClaimError::new(claim, "must be a whole number in its range"))
    }

    fn time(&mut self, claim: &str) -> Result<Timestamp, ClaimError> {
        self.value(claim)?
            .as_i64()
            .and_then(|seconds| Timestamp::from_timestamp(seconds, 0))
            .ok_or_else(|| ClaimError::new(claim, "must be whole seconds since 1970 (NumericDate)"))
    }

    fn quorum(&mut self) -> Result<Quorum, ClaimError> {
        let threshold = self.number("threshold")?;
        let parties = self.number("parties")?;
        Quorum::new(threshold, parties)
            .map_err(|error| ClaimError::new(error.field(), format!("is refused: {error}")))
    }

    fn auth_key(&mut self) -> Result<AuthKey, ClaimError> {
        let value = self.value("auth_key")?;
        let jwk = JsonWebKey::deserialize(&value)
            .map_err(|_| ClaimError::new("auth_key", "must be a JWK (RFC 7517)"))?;
        AuthKey::from_jwk(&jwk)
            .map_err(|error| ClaimError::new("auth_key", format!("is refused: {error}")))
    }

    fn payload(&mut self) -> Result<SignPayload, ClaimError> {
        let hash = match self.optional("hash") {
            None => None,
            Some(Value::String(text)) => Some(parse("hash", &text)?),
            Some(_) => return Err(ClaimError::new("hash", "must be a string")),
        };
        match (
            self.0.contains_key("message"),
            self.0.contains_key("digest"),
        ) {
            (true, false) => {
                let hash = hash.ok_or_else(|| ClaimError::new("hash", "is missing"))?;
                let message = URL_SAFE_NO_PAD
                    .decode(self.text("message")?)
                    .map_err(|_| ClaimError::new("message", "must be base64url without padding"))?;
                if message.len() > MAX_MESSAGE {
                    let detail = format!("is longer than {MAX_MESSAGE} bytes: sign its digest");
                    return Err(ClaimError::new("message", detail));
                }
                Ok(SignPayload::Message { hash, message })
            }
            (false, true) => Ok(SignPayload::Digest {
                hash,
                digest: self.parsed("digest")?,
            }),
            (true, true) => Err(ClaimError::new(
                "digest",
                "excludes `message`: send one of them",
            )),
            (false, false) => Err(ClaimError::new("message", "or `digest` is missing")),
        }
    }
}

fn parse<T: FromStr<Err: Display>>(claim: &str, text: &str) -> Result<T, ClaimError> {
    text.parse()
        .map_err(|error: T::Err| ClaimError::new(claim, format!("is refused: {error}")))
}

/// What is asked, without when: see [`super::VerifiedIntent::hash`].
pub(super) fn hash(claims: &Map<String, Value>) -> Digest {
    let mut asked = claims.clone();
    asked.remove("iat");
    asked.remove("exp");
    Hex(Sha256::digest(json::canonical(&asked)).into())
}

/// Reads claims into an intent.
pub(super) fn read(claims: Map<String, Value>) -> Result<Intent, ClaimError> {
    let mut claims = Reader(claims);
    if claims.text("aud")? != AUDIENCE {
        return Err(ClaimError::new("aud", format!("must be \"{AUDIENCE}\"")));
    }
    let jti = claims.text("jti")?;
    if jti.is_empty() || jti.len() > 128 || jti.chars().any(char::is_control) {
        return Err(ClaimError::new(
            "jti",
            "must be 1 to 128 printable characters",
        ));
    }
    let issued_at = claims.time("iat")?;
    let expires_at = claims.time("exp")?;
    if expires_at <= issued_at || expires_at - issued_at > MAX_LIFETIME {
        let detail = format!(
            "must be after `iat`, at most {} h",
            MAX_LIFETIME.num_hours()
        );
        return Err(ClaimError::new("exp", detail));
    }
    let kind = claims.text("kind")?;
    let (account, action) = if kind == "account.register" {
        let action = read_registration(&mut claims)?;
        let Action::Register { auth_key, .. } = &action else {
            unreachable!("read_registration makes registrations")
        };
        (AccountId::of(&auth_key.thumbprint()), action)
    } else {
        // The kind first: with an unknown one, nothing is known of other claims.
        let action = read_action(&kind, &mut claims)?;
        (claims.parsed("account")?, action)
    };
    if let Some(unknown) = claims.0.keys().next() {
        let detail = format!("is not known for {kind}");
        return Err(ClaimError::new(unknown.clone(), detail));
    }
    Ok(Intent {
        account,
        jti,
        issued_at,
        expires_at,
        action,
    })
}

fn read_registration(claims: &mut Reader) -> Result<Action, ClaimError> {
    let username = claims.text("username")?;
    check_username(&username).map_err(|detail| ClaimError::new("username", detail))?;
    let email = claims.text("email")?;
    check_email(&email).map_err(|detail| ClaimError::new("email", detail))?;
    Ok(Action::Register {
        username,
        email,
        auth_key: claims.auth_key()?,
        quorum: claims.quorum()?,
    })
}

fn read_action(kind: &str, claims: &mut Reader) -> Result<Action, ClaimError> {
    Ok(match kind {
        "account.suspend" => Action::Suspend,
        "account.reactivate" => Action::Reactivate,
        "account.erase" => Action::Erase,
        "key.create" => Action::CreateKey {
            engine: claims.parsed("engine")?,
            quorum: claims.quorum()?,
        },
        "key.freeze" => Action::Freeze {
            key: claims.parsed("key")?,
        },
        "key.unfreeze" => Action::Unfreeze {
            key: claims.parsed("key")?,
        },
        "key.sign" => Action::Sign {
            key: claims.parsed("key")?,
            epoch: claims.number("epoch")?,
            path: match claims.optional("path") {
                None => DerivationPath::default(),
                Some(Value::String(text)) => parse("path", &text)?,
                Some(_) => return Err(ClaimError::new("path", "must be a string")),
            },
            payload: claims.payload()?,
        },
        "session.cancel" => Action::Cancel {
            session: claims.parsed("session")?,
        },
        _ => {
            return Err(ClaimError::new(
                "kind",
                "must be account.register, account.suspend, account.reactivate, account.erase, \
                 key.create, key.freeze, key.unfreeze, key.sign or session.cancel",
            ));
        }
    })
}

/// Writes an intent as claims.
pub(super) fn write(intent: &Intent) -> Map<String, Value> {
    let mut claims = match &intent.action {
        Action::Register {
            username,
            email,
            auth_key,
            quorum,
        } => json!({
            "username": username,
            "email": email,
            "auth_key": auth_key,
            "threshold": quorum.threshold(),
            "parties": quorum.parties(),
        }),
        Action::Suspend | Action::Reactivate | Action::Erase => json!({}),
        Action::CreateKey { engine, quorum } => json!({
            "engine": engine,
            "threshold": quorum.threshold(),
            "parties": quorum.parties(),
        }),
        Action::Freeze { key } | Action::Unfreeze { key } => json!({ "key": key }),
        Action::Sign {
            key, epoch, path, ..
        } => {
            let mut claims = json!({ "key": key, "epoch": epoch });
            if !path.steps().is_empty() {
                claims["path"] = json!(path);
            }
            claims
        }
        Action::Cancel { session } => json!({ "session": session }),
    };
    if let Action::Sign { payload, .. } = &intent.action {
        if let Some(scheme) = payload.scheme() {
            claims["hash"] = json!(scheme);
        }
        match payload {
            SignPayload::Message { message, .. } => {
                claims["message"] = json!(URL_SAFE_NO_PAD.encode(message));
            }
            SignPayload::Digest { digest, .. } => claims["digest"] = json!(digest),
        }
    }
    if !matches!(intent.action, Action::Register { .. }) {
        claims["account"] = json!(intent.account);
    }
    claims["aud"] = json!(AUDIENCE);
    claims["kind"] = json!(intent.action.kind());
    claims["jti"] = json!(intent.jti);
    claims["iat"] = json!(intent.issued_at.timestamp());
    claims["exp"] = json!(intent.expires_at.timestamp());
    match claims {
        Value::Object(map) => map,
        _ => unreachable!("json!({{}}) makes objects"),
    }
}
