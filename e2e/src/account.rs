//! An account of a test: its auth key, and the intents it signs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::TimeDelta;
use countersign_domain::Timestamp;
use countersign_domain::auth_key::AuthSigner;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId};
use countersign_domain::intent::{Action, Intent, SignPayload};
use countersign_domain::path::DerivationPath;
use countersign_domain::quorum::Quorum;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::http::Api;

/// An account.
#[derive(Debug)]
pub struct Account {
    /// Its auth key.
    pub signer: AuthSigner,
    /// Its id.
    pub id: AccountId,
}

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// The present, in whole seconds.
///
/// # Panics
/// Never on a machine whose clock is after 1970.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let seconds = i64::try_from(since.as_secs()).expect("before the year 292e9");
    Timestamp::from_timestamp(seconds, 0).expect("a time")
}

impl Account {
    /// An account with a new Ed25519 auth key, not registered yet.
    ///
    /// # Panics
    /// When the operating system has no entropy.
    #[must_use]
    pub fn new() -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut()).expect("entropy");
        let signer = AuthSigner::ed25519(&bytes);
        Self {
            id: AccountId::of(&signer.public().thumbprint()),
            signer,
        }
    }

    /// Signs an intent with a `jti` of its own, valid for ten minutes.
    ///
    /// # Panics
    /// When the claims cannot be written.
    #[must_use]
    pub fn intent(&self, action: Action) -> String {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        self.intent_named(action, &format!("request-{count}"))
    }

    /// Signs an intent with this `jti`.
    ///
    /// # Panics
    /// When the claims cannot be written.
    #[must_use]
    pub fn intent_named(&self, action: Action, jti: &str) -> String {
        let issued_at = now();
        let intent = Intent {
            account: self.id,
            jti: jti.to_owned(),
            issued_at,
            expires_at: issued_at + TimeDelta::minutes(10),
            action,
        };
        intent.sign(&self.signer).expect("claims are JSON")
    }

    /// Registers under a name of its own.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn register(&self, api: &Api) {
        let name = format!("user-{}", &self.id.to_string()[..13]);
        let action = Action::Register {
            email: format!("{name}@example.com"),
            username: name,
            auth_key: self.signer.public(),
            quorum: Quorum::new(2, 3).expect("a quorum"),
        };
        let answer = api.post("/v1/accounts", &self.intent(action), 0);
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    /// Makes a key and returns the server's answer.
    ///
    /// # Panics
    /// When the server refuses.
    #[must_use]
    pub fn create_key(&self, api: &Api, threshold: u8, parties: u8) -> (KeyId, Value) {
        let action = Action::CreateKey {
            engine: EngineId::default(),
            quorum: Quorum::new(threshold, parties).expect("a quorum"),
        };
        let path = format!("/v1/accounts/{}/keys", self.id);
        let answer = api.post(&path, &self.intent(action), 300);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let key = answer.body["key_id"].as_str().expect("a key");
        (key.parse().expect("an id"), answer.body)
    }

    /// An intent to sign with the key itself.
    #[must_use]
    pub fn sign_action(key: KeyId, payload: SignPayload) -> Action {
        Action::Sign {
            key,
            epoch: 1,
            path: DerivationPath::default(),
            payload,
        }
    }
}

impl Account {
    /// An intent to sign a digest of its own, under this `jti`.
    ///
    /// # Panics
    /// When the operating system has no entropy.
    #[must_use]
    pub fn sign_intent(&self, key: KeyId, jti: &str) -> String {
        let mut digest = [0; 32];
        getrandom::fill(&mut digest).expect("entropy");
        let payload = SignPayload::Digest {
            hash: None,
            digest: digest.into(),
        };
        self.intent_named(Self::sign_action(key, payload), jti)
    }

    /// Makes one signature and returns the server's answer.
    ///
    /// # Panics
    /// When there is none.
    pub fn sign(&self, api: &Api, key: KeyId) -> Value {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let intent = self.sign_intent(key, &format!("signature-{count}"));
        let answer = api.post(&format!("/v1/keys/{key}/signatures"), &intent, 120);
        assert_eq!(answer.body["status"], "completed", "{}", answer.body);
        answer.body
    }
}

impl Default for Account {
    fn default() -> Self {
        Self::new()
    }
}
