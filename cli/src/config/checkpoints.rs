//! `[checkpoints]`: what the role `projector` signs of the log, and what the role
//! `read-api` believes.

use std::path::PathBuf;
use std::time::Duration;

use countersign_audit::note::KeyUse;
use countersign_audit::{Pace, SigningKey, VerifierKey};
use countersign_domain::bytes::Hex;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::reader::Reader;

/// Signed checkpoints of the log.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    /// The name of the log, which every checkpoint begins with.
    pub origin: Option<String>,
    /// The seed of the key that signs, the same on all replicas: 32 bytes as 64 hex
    /// digits.
    pub key: Option<SecretString>,
    /// Where they are kept, outside the database: a folder that all replicas share.
    pub folder: Option<PathBuf>,
    /// One is signed at the latest after so many events …
    pub events: u64,
    /// … or so many milliseconds.
    pub interval_ms: u32,
    /// The verifier key by which a checkpoint that is heard of must be signed.
    pub trusted_key: Option<String>,
}

impl Checkpoints {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let reader = reader.section("checkpoints");
        let default = Pace::default();
        let checkpoints = Self {
            origin: reader.optional("origin"),
            key: reader.secret("key"),
            folder: reader.optional("folder"),
            events: reader.checked("events", default.events, |n| *n > 0, "at least 1"),
            interval_ms: reader.checked(
                "interval_ms",
                u32::try_from(default.interval.as_millis()).unwrap_or(u32::MAX),
                |n| (100..=3_600_000).contains(n),
                "100 to 3600000",
            ),
            trusted_key: reader.optional("trusted_key"),
        };
        if checkpoints.key.is_some() && checkpoints.seed().is_none() {
            let said = "is not 64 hex digits: make one with `openssl rand -hex 32`, the same for \
                        all replicas";
            reader.wrong_as_read("key", said);
        }
        if let Some(origin) = &checkpoints.origin
            && let Err(error) = SigningKey::new(origin, &Zeroizing::new([0; 32]))
        {
            let said = format!("cannot name a log ({error}): countersign.example/log can");
            reader.wrong_as_read("origin", &said);
        }
        if let Some(key) = &checkpoints.trusted_key {
            match key.parse::<VerifierKey>() {
                Ok(key) if key.usage() == KeyUse::Note => {}
                Ok(_) => reader.wrong_as_read("trusted_key", "is the key of a witness"),
                Err(error) => reader.wrong_as_read("trusted_key", &error.to_string()),
            }
        }
        checkpoints
    }

    fn seed(&self) -> Option<Zeroizing<[u8; 32]>> {
        let text = self.key.as_ref()?;
        let parsed: Result<Hex<32>, _> = text.expose_secret().parse();
        parsed.ok().map(|seed| Zeroizing::new(seed.0))
    }

    /// The key that signs; none unless one is configured.
    pub(crate) fn signing_key(&self) -> Option<SigningKey> {
        SigningKey::new(self.origin.as_ref()?, &self.seed()?).ok()
    }

    /// The verifier key that is believed, and no other.
    pub(crate) fn trusted_key(&self) -> Option<VerifierKey> {
        self.trusted_key.as_ref()?.parse().ok()
    }

    /// When to sign.
    pub(crate) fn pace(&self) -> Pace {
        Pace {
            events: self.events,
            interval: Duration::from_millis(self.interval_ms.into()),
        }
    }
}
