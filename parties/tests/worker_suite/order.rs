//! What the tests' account orders: intents, and the sessions they make.

use std::sync::LazyLock;

use chrono::Duration;
use countersign_domain::Timestamp;
use countersign_domain::auth_key::AuthSigner;
use countersign_domain::bytes::Hex;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId, PartyId, SessionId};
use countersign_domain::intent::{Action, Intent, SignPayload};
use countersign_domain::path::DerivationPath;
use countersign_domain::quorum::Quorum;
use countersign_domain::roster::fingerprint;
use countersign_domain::session::{
    Invitee, NewSession, SessionInvitation, SessionKind, SignRequest, Token, token_hash,
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::house::{House, party};
use crate::keys::KEY;

static AUTH: LazyLock<AuthSigner> = LazyLock::new(|| AuthSigner::ed25519(&Zeroizing::new([5; 32])));

pub(crate) fn auth_signer() -> &'static AuthSigner {
    &AUTH
}

/// A key that is not the account's.
pub(crate) fn stranger() -> AuthSigner {
    AuthSigner::ed25519(&Zeroizing::new([6; 32]))
}

pub(crate) fn account() -> AccountId {
    AccountId::of(&AUTH.public().thumbprint())
}

pub(crate) fn quorum() -> Quorum {
    Quorum::new(2, 3).unwrap()
}

/// A session as the coordinator would ask for it, and the tokens to it.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) session: NewSession,
    pub(crate) auth_key: countersign_domain::auth_key::AuthKey,
}

/// The one-time token of a party in a session.
pub(crate) fn token(session: SessionId, party: &PartyId) -> Token {
    let mut hash = Sha256::new();
    hash.update(session.0.as_bytes());
    hash.update(party.as_str());
    Token(Zeroizing::new(hash.finalize().into()))
}

impl Order {
    pub(crate) fn keygen(house: &House, jti: &str) -> Self {
        let action = Action::CreateKey {
            engine: EngineId::Dkls23,
            quorum: quorum(),
        };
        let intent = intent(house, jti, action);
        let signers = ["alpha", "bravo", "carol"];
        Self::of(house, &intent, auth_signer(), None, &signers)
    }

    pub(crate) fn sign(house: &House, jti: &str, message: &str, signers: &[&str]) -> Self {
        Self::sign_at(house, jti, "m", message, signers)
    }

    pub(crate) fn sign_at(
        house: &House,
        jti: &str,
        path: &str,
        message: &str,
        signers: &[&str],
    ) -> Self {
        let intent = sign_intent(house, jti, path, message);
        Self::of_sign(house, &intent, auth_signer(), signers)
    }

    /// The sign session of an intent that `signer` has signed.
    pub(crate) fn of_sign(
        house: &House,
        intent: &Intent,
        signer: &AuthSigner,
        signers: &[&str],
    ) -> Self {
        let Action::Sign { path, payload, .. } = &intent.action else {
            panic!("not a sign intent");
        };
        let request = SignRequest {
            path: path.clone(),
            public_key: path
                .derive(&Hex(KEY.public_key), &Hex(KEY.chain_code))
                .unwrap(),
            digest: payload.digest(),
            hash: payload.scheme(),
        };
        Self::of(house, intent, signer, Some(request), signers)
    }

    fn of(
        house: &House,
        intent: &Intent,
        signer: &AuthSigner,
        sign: Option<SignRequest>,
        signers: &[&str],
    ) -> Self {
        let token_text = intent.sign(signer).unwrap();
        let verified = Intent::verify(&token_text, &signer.public()).unwrap();
        let session = SessionId::of(intent.account, &intent.jti);
        let members = house.members();
        let (kind, key) = match &intent.action {
            Action::Sign { key, .. } => (SessionKind::Sign, *key),
            _ => (SessionKind::Keygen, KeyId::of(session)),
        };
        let invitees = members.iter().map(|member| Invitee {
            member: member.clone(),
            token_hash: token_hash(&token(session, &member.identity.party).0),
        });
        Self {
            session: NewSession {
                session,
                kind,
                account: intent.account,
                key,
                engine: EngineId::Dkls23,
                quorum: quorum(),
                epoch: 1,
                intent: token_text,
                intent_hash: verified.hash,
                auth_key: signer.public().thumbprint(),
                roster: fingerprint(&members),
                sign,
                participants: invitees.collect(),
                signers: signers.iter().map(|name| party(name)).collect(),
                max_attempts: 3,
                ready_timeout_ms: 5_000,
                attempt_timeout_ms: 30_000,
                expires_at: (house.clock)() + Duration::minutes(10),
            },
            auth_key: signer.public(),
        }
    }

    pub(crate) fn id(&self) -> SessionId {
        self.session.session
    }

    /// The invitation of one party.
    pub(crate) fn invitation(&self, name: &str, attempt: u32) -> SessionInvitation {
        SessionInvitation {
            session: self.session.clone(),
            auth_key: self.auth_key.clone(),
            attempt,
            signers: self.session.signers.clone(),
            token: token(self.id(), &party(name)),
        }
    }
}

pub(crate) fn now_in_seconds(house: &House) -> Timestamp {
    let now = (house.clock)();
    Timestamp::from_timestamp(now.timestamp(), 0).unwrap()
}

pub(crate) fn intent(house: &House, jti: &str, action: Action) -> Intent {
    let now = now_in_seconds(house);
    Intent {
        account: account(),
        jti: jti.to_owned(),
        issued_at: now,
        expires_at: now + Duration::minutes(5),
        action,
    }
}

pub(crate) fn sign_intent(house: &House, jti: &str, path: &str, message: &str) -> Intent {
    let path: DerivationPath = path.parse().unwrap();
    let action = Action::Sign {
        key: KeyId::of(SessionId::of(account(), "the key of the tests")),
        epoch: 1,
        path,
        payload: SignPayload::Message {
            hash: countersign_domain::digest::HashScheme::Keccak256,
            message: message.as_bytes().to_vec(),
        },
    };
    intent(house, jti, action)
}
