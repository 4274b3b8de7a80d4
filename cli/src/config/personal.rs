//! `[personal]`: personal data.

use countersign_domain::bytes::Hex;
use countersign_event_store::HashKey;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::reader::Reader;

/// Personal data, for the roles `commands` and `read-api`.
#[derive(Debug, Clone)]
pub struct Personal {
    /// The key that names are reserved under and found by, the same for the whole
    /// deployment and for good: 32 bytes as 64 hex digits.
    pub hash_key: Option<SecretString>,
}

impl Personal {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let reader = reader.section("personal");
        let personal = Self {
            hash_key: reader.secret("hash_key"),
        };
        if personal.hash_key.is_some() && personal.key().is_none() {
            let said = "is not 64 hex digits: make one with `openssl rand -hex 32`, the same for \
                        all replicas of both roles";
            reader.wrong_as_read("hash_key", said);
        }
        personal
    }

    /// The key.
    pub(crate) fn key(&self) -> Option<HashKey> {
        let text = self.hash_key.as_ref()?;
        let parsed: Result<Hex<32>, _> = text.expose_secret().parse();
        parsed.ok().map(|key| HashKey::new(Zeroizing::new(key.0)))
    }
}
