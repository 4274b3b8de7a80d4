//! A client: an account's auth key, and the intents that it signs.

use std::cell::Cell;

use countersign_commands::Clock;
use countersign_domain::auth_key::AuthSigner;
use countersign_domain::bytes::Hex;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_domain::intent::{Action, Intent, SignPayload};
use countersign_domain::path::DerivationPath;
use countersign_domain::quorum::Quorum;
use countersign_domain::signature::Signature;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::Replica;
use super::replica::Answer;

/// How long intents are valid.
pub(crate) fn lifetime() -> chrono::Duration {
    chrono::Duration::minutes(5)
}

/// An account, on its owner's side.
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) name: String,
    pub(crate) signer: AuthSigner,
    clock: Clock,
    requests: Cell<u32>,
}

impl Account {
    /// An account that is not registered yet; its auth key derives from `name`.
    pub(crate) fn new(name: &str, clock: Clock) -> Self {
        let signer = AuthSigner::ed25519(&Zeroizing::new(Sha256::digest(name).into()));
        Self {
            id: AccountId::of(&signer.public().thumbprint()),
            name: name.to_owned(),
            signer,
            clock,
            requests: Cell::new(0),
        }
    }

    /// An intent with a `jti` of its own.
    pub(crate) fn intent(&self, action: Action) -> Intent {
        let request = self.requests.get() + 1;
        self.requests.set(request);
        self.intent_named(&format!("request-{request}"), action)
    }

    /// An intent with this `jti`.
    pub(crate) fn intent_named(&self, jti: &str, action: Action) -> Intent {
        let now = (self.clock)();
        Intent {
            account: self.id,
            jti: jti.to_owned(),
            issued_at: now,
            expires_at: now + lifetime(),
            action,
        }
    }

    /// Signs an action.
    pub(crate) fn token(&self, action: Action) -> String {
        self.intent(action).sign(&self.signer).unwrap()
    }

    pub(crate) fn registration(&self, username: &str, email: &str) -> Action {
        Action::Register {
            username: username.to_owned(),
            email: email.to_owned(),
            auth_key: self.signer.public(),
            quorum: Quorum::new(2, 3).unwrap(),
        }
    }

    pub(crate) fn register(&self) -> String {
        let email = format!("{}@example.com", self.name);
        self.token(self.registration(&self.name, &email))
    }

    pub(crate) fn create_key(&self, threshold: u8, parties: u8) -> String {
        self.token(Action::CreateKey {
            engine: EngineId::Dkls23,
            quorum: Quorum::new(threshold, parties).unwrap(),
        })
    }

    pub(crate) fn sign(&self, key: KeyId, message: &str) -> String {
        self.token(signing(key, message))
    }

    pub(crate) fn cancel(&self, session: SessionId) -> String {
        self.token(Action::Cancel { session })
    }

    /// Where keys of this account are made.
    pub(crate) fn keys_path(&self) -> String {
        format!("/v1/accounts/{}/keys", self.id)
    }

    /// Makes a key and waits for it.
    pub(crate) async fn key(&self, replica: &Replica, threshold: u8, parties: u8) -> KeyId {
        let token = self.create_key(threshold, parties);
        let answer = replica.post_and_wait(&self.keys_path(), &token).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.text("key_id").parse().unwrap()
    }

    /// Signs a message with a key and waits for the signature.
    pub(crate) async fn signature(&self, replica: &Replica, key: KeyId, message: &str) -> Answer {
        let path = format!("/v1/keys/{key}/signatures");
        replica.post_and_wait(&path, &self.sign(key, message)).await
    }
}

/// Asks for a signature over the SHA-256 of a message.
pub(crate) fn signing(key: KeyId, message: &str) -> Action {
    Action::Sign {
        key,
        epoch: 1,
        path: DerivationPath::default(),
        payload: SignPayload::Digest {
            hash: None,
            digest: Hex(Sha256::digest(message).into()),
        },
    }
}

/// Verifies the signature in an answer as a client would.
pub(crate) fn verify(answer: &Value) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let signature = Signature {
        r: text(&answer["signature"]["r"]).parse().unwrap(),
        s: text(&answer["signature"]["s"]).parse().unwrap(),
        v: u8::try_from(answer["signature"]["v"].as_u64().unwrap()).unwrap(),
    };
    let digest = text(&answer["digest"]).parse().unwrap();
    let public_key = text(&answer["public_key"]).parse().unwrap();
    signature.verify(&digest, &public_key).unwrap();
}
