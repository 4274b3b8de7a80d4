//! Clients: an auth key, and the intents that its holder signs.

use countersign_domain::Timestamp;
use countersign_domain::auth_key::AuthSigner;
use countersign_domain::bytes::{Digest, Hex, PublicKey};
use countersign_domain::digest::HashScheme;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId};
use countersign_domain::intent::{Action, Intent, SignPayload};
use countersign_domain::path::DerivationPath;
use countersign_domain::quorum::Quorum;
use countersign_domain::signature::Signature;
use zeroize::Zeroizing;

use super::TestClock;

pub(crate) struct Client {
    pub(crate) signer: AuthSigner,
    pub(crate) account: AccountId,
    pub(crate) name: String,
    clock: TestClock,
}

impl Client {
    pub(crate) fn new(name: &str, clock: &TestClock) -> Self {
        let mut seed = [0x5e; 32];
        seed[..name.len()].copy_from_slice(name.as_bytes());
        let signer = AuthSigner::ed25519(&Zeroizing::new(seed));
        Self {
            account: AccountId::of(&signer.public().thumbprint()),
            signer,
            name: name.to_owned(),
            clock: clock.clone(),
        }
    }

    /// A registration under the client's own name.
    pub(crate) fn registration(&self) -> Action {
        self.registration_as(&self.name, &format!("{}@example.com", self.name))
    }

    pub(crate) fn registration_as(&self, username: &str, email: &str) -> Action {
        Action::Register {
            username: username.to_owned(),
            email: email.to_owned(),
            auth_key: self.signer.public(),
            quorum: Quorum::new(2, 3).expect("a quorum"),
        }
    }

    /// An intent that is valid for an hour from now.
    pub(crate) fn intent(&self, jti: &str, action: Action) -> String {
        self.intent_at(self.clock.now(), jti, action)
    }

    pub(crate) fn intent_at(&self, issued_at: Timestamp, jti: &str, action: Action) -> String {
        let intent = Intent {
            account: self.account,
            jti: jti.to_owned(),
            issued_at,
            expires_at: issued_at + chrono::Duration::hours(1),
            action,
        };
        intent.sign(&self.signer).expect("an intent")
    }
}

pub(crate) fn create_key(threshold: u8, parties: u8) -> Action {
    Action::CreateKey {
        engine: EngineId::Dkls23,
        quorum: Quorum::new(threshold, parties).expect("a quorum"),
    }
}

/// Asks for a signature over the SHA-256 of a message.
pub(crate) fn sign(key: KeyId, message: &str) -> Action {
    Action::Sign {
        key,
        epoch: 1,
        path: DerivationPath::default(),
        payload: SignPayload::Message {
            hash: HashScheme::Sha256,
            message: message.as_bytes().to_vec(),
        },
    }
}

pub(crate) fn digest(message: &str) -> Digest {
    HashScheme::Sha256.digest(message.as_bytes())
}

/// The one key that all played parties "hold": what they sign is real.
fn group_key() -> k256::ecdsa::SigningKey {
    k256::ecdsa::SigningKey::from_slice(&[0x77; 32]).expect("a scalar")
}

pub(crate) fn group_public_key() -> PublicKey {
    let point = group_key().verifying_key().to_sec1_point(true);
    Hex(point.as_bytes().try_into().expect("33 bytes"))
}

pub(crate) fn group_signature(digest: &Digest) -> Signature {
    let (signature, id) = group_key().sign_prehash_recoverable(&digest.0);
    Signature {
        r: Hex(signature.r().to_bytes().into()),
        s: Hex(signature.s().to_bytes().into()),
        v: id.to_byte(),
    }
}
