//! Personal data in the log: what names a person, sealed under a key of the account's
//! own, which is kept beside the log and can be destroyed.
//!
//! Nothing here encrypts; whoever appends brings sealed values along.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::intent::{Action, VerifiedIntent};

/// What a registration says of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Personal {
    /// In clear, as registrations were stored before they were sealed.
    Open(PersonalData),
    /// Encrypted under the account's key.
    Sealed(Sealed),
}

/// The personal data of an account. The intent is among them, for its claims name the
/// person too.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonalData {
    /// Unique, compared without case.
    pub username: String,
    /// Unique, compared without case.
    pub email: String,
    /// The registration, signed by the auth key that it registers.
    pub intent: String,
}

impl PersonalData {
    /// Those of a registration; none of any other intent.
    #[must_use]
    pub fn of(registration: &VerifiedIntent) -> Option<Self> {
        match &registration.intent.action {
            Action::Register {
                username, email, ..
            } => Some(Self {
                username: username.clone(),
                email: email.clone(),
                intent: registration.token.clone(),
            }),
            _ => None,
        }
    }
}

impl fmt::Debug for PersonalData {
    /// Personal data stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonalData").finish_non_exhaustive()
    }
}

/// Encrypted bytes; text and JSON form is base64url without padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

/// No base64url text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be base64url without padding")]
pub struct NotSealed;

impl FromStr for Sealed {
    type Err = NotSealed;

    fn from_str(text: &str) -> Result<Self, NotSealed> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotSealed)?;
        Ok(Self(bytes))
    }
}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::parsed(deserializer, "sealed bytes as base64url")
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}
