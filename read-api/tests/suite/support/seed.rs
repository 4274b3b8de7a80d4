//! Accounts, keys and sessions to look at.

use countersign_domain::account::AccountEvent;
use countersign_domain::auth_key::AuthSigner;
use countersign_domain::bytes::{Digest, Hex, PublicKey};
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_domain::key::{KeyEvent, KeyFacts};
use countersign_domain::personal::{Personal, PersonalData};
use countersign_domain::quorum::Quorum;
use countersign_domain::roster::{Member, fingerprint};
use countersign_domain::session::{
    DeviceInfo, Invitee, NewSession, SessionEvent, SessionKind, SignRequest,
};
use countersign_event_store::personal::{EMAIL, USERNAME};
use countersign_event_store::{HashKey, PersonalChange, PersonalKey, StreamId};
use zeroize::Zeroizing;

use super::{Server, at, party, roster};

pub(crate) fn auth_signer(number: u8) -> AuthSigner {
    AuthSigner::ed25519(&Zeroizing::new([number; 32]))
}

pub(crate) fn account_id(number: u8) -> AccountId {
    AccountId::of(&auth_signer(number).public().thumbprint())
}

pub(crate) fn session_id(account: u8, number: u32) -> SessionId {
    SessionId::of(account_id(account), &format!("request-{number}"))
}

pub(crate) fn key_id(account: u8, number: u32) -> KeyId {
    KeyId::of(session_id(account, number))
}

/// The generator of the curve: a point, whoever knows its logarithm.
pub(crate) fn public_key() -> PublicKey {
    "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
        .parse()
        .expect("a point")
}

pub(crate) fn hash_key() -> HashKey {
    HashKey::new(Zeroizing::new([0x4a; 32]))
}

fn quorum() -> Quorum {
    Quorum::new(2, 3).expect("2-of-3")
}

fn members() -> Vec<Member> {
    roster()
        .members(&[party(1), party(2), party(3)])
        .expect("members")
}

impl Server {
    pub(crate) async fn register(&self, number: u8) -> AccountId {
        let id = account_id(number);
        let data = PersonalData {
            username: format!("User-{number}"),
            email: format!("user-{number}@example.com"),
            intent: "an.intent.jws".into(),
        };
        let key = PersonalKey::new(Zeroizing::new([number; 32]));
        let reservations = vec![
            hash_key().reservation(USERNAME, &data.username, id),
            hash_key().reservation(EMAIL, &data.email, id),
        ];
        let event = AccountEvent::AccountRegistered {
            personal: Personal::Sealed(key.seal(id, &data, [number; 12])),
            auth_key: auth_signer(number).public(),
            quorum: quorum(),
        };
        let keep = PersonalChange::Keep { account: id, key };
        let stream = StreamId::new("account", id);
        self.append_with(&stream, &event, reservations, Some(keep))
            .await;
        id
    }

    pub(crate) async fn erase(&self, number: u8) {
        let account = account_id(number);
        let intent = "an.intent.jws".into();
        let event = AccountEvent::AccountErased { intent };
        let erase = PersonalChange::Erase { account };
        let stream = StreamId::new("account", account);
        self.append_with(&stream, &event, vec![], Some(erase)).await;
    }

    pub(crate) async fn suspend(&self, number: u8) {
        let stream = StreamId::new("account", account_id(number));
        let intent = "an.intent.jws".into();
        self.append(&stream, &AccountEvent::AccountSuspended { intent })
            .await;
    }

    pub(crate) async fn request_key(&self, account: u8, number: u32) -> KeyId {
        let id = key_id(account, number);
        let event = KeyEvent::KeyRequested {
            facts: KeyFacts {
                key: id,
                account: account_id(account),
                session: session_id(account, number),
                engine: EngineId::Dkls23,
                quorum: quorum(),
                roster: fingerprint(&members()),
                members: members(),
                auth_key: auth_signer(account).public().thumbprint(),
            },
            intent: "an.intent.jws".into(),
        };
        self.append(&StreamId::new("key", id), &event).await;
        id
    }

    pub(crate) async fn activate_key(&self, id: KeyId) {
        let event = KeyEvent::KeyActivated {
            public_key: public_key(),
            chain_code: Hex([0xcc; 32]),
            receipts: vec!["one".into(), "two".into(), "three".into()],
        };
        self.append(&StreamId::new("key", id), &event).await;
    }

    /// A session under the account's first key.
    pub(crate) async fn create_session(
        &self,
        account: u8,
        number: u32,
        kind: SessionKind,
    ) -> SessionId {
        let id = session_id(account, number);
        let sign = (kind == SessionKind::Sign).then(|| SignRequest {
            path: "m/0/7".parse().expect("a path"),
            public_key: public_key(),
            digest: Hex([0xd1; 32]),
            hash: None,
        });
        let attendance = if sign.is_some() { 2 } else { 3 };
        let token_hash: Digest = Hex([0x70; 32]);
        let invite = |member| Invitee { member, token_hash };
        let session = Box::new(NewSession {
            session: id,
            kind,
            account: account_id(account),
            key: key_id(account, 1),
            engine: EngineId::Dkls23,
            quorum: quorum(),
            epoch: 1,
            intent: "an.intent.jws".into(),
            intent_hash: Hex([1; 32]),
            auth_key: auth_signer(account).public().thumbprint(),
            roster: fingerprint(&members()),
            sign,
            participants: members().into_iter().map(invite).collect(),
            signers: (1..=attendance).map(party).collect(),
            max_attempts: 3,
            ready_timeout_ms: 5_000,
            attempt_timeout_ms: 10_000,
            expires_at: at(1_000),
        });
        self.session_event(id, &SessionEvent::SessionCreated { session })
            .await;
        id
    }

    pub(crate) async fn session_event(&self, id: SessionId, event: &SessionEvent) -> u64 {
        self.append(&StreamId::new("session", id), event).await
    }

    /// The signers 1 and 2 join, and the rounds begin.
    pub(crate) async fn start_session(&self, id: SessionId) {
        for index in 1..=2 {
            let device = DeviceInfo {
                name: "countersign".into(),
                version: "0.1.0".into(),
            };
            let party = party(index);
            let joined = SessionEvent::ParticipantJoined {
                party: party.clone(),
                device,
            };
            self.session_event(id, &joined).await;
            self.session_event(id, &SessionEvent::ParticipantReady { party })
                .await;
        }
        let started = SessionEvent::SessionStarted {
            attempt: 1,
            signers: vec![party(1), party(2)],
        };
        self.session_event(id, &started).await;
    }
}
