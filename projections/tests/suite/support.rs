//! Parties, accounts, sessions and envelopes for the tests.

use std::sync::Arc;

use countersign_domain::Timestamp;
use countersign_domain::auth_key::AuthSigner;
use countersign_domain::bytes::{Digest, Hex, PublicKey};
use countersign_domain::decider::StoredEvent;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId, PartyId, SessionId};
use countersign_domain::key::KeyFacts;
use countersign_domain::quorum::Quorum;
use countersign_domain::roster::{Member, PartyIdentity, fingerprint};
use countersign_domain::session::{Invitee, NewSession, SessionKind, SignRequest, token_hash};
use countersign_event_store::{Envelope, StreamId};
use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

pub(crate) fn quorum() -> Quorum {
    Quorum::new(2, 3).expect("2-of-3")
}

pub(crate) fn party(index: u8) -> PartyId {
    format!("party-{index}").parse().expect("a name")
}

pub(crate) fn identity_key(index: u8) -> SigningKey {
    SigningKey::from_bytes(&[index; 32])
}

pub(crate) fn members() -> Vec<Member> {
    (1..=3)
        .map(|index| Member {
            index,
            identity: PartyIdentity {
                party: party(index),
                sign_key: Hex(identity_key(index).verifying_key().to_bytes()),
                seal_key: Hex([0xa0 + index; 32]),
            },
        })
        .collect()
}

pub(crate) fn auth_signer(number: u8) -> AuthSigner {
    AuthSigner::ed25519(&Zeroizing::new([number; 32]))
}

pub(crate) fn account_id(number: u8) -> AccountId {
    AccountId::of(&auth_signer(number).public().thumbprint())
}

pub(crate) fn session_id(number: u8) -> SessionId {
    SessionId::of(account_id(1), &format!("request-{number}"))
}

pub(crate) fn secret_key() -> k256::ecdsa::SigningKey {
    k256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("a scalar")
}

pub(crate) fn public_key() -> PublicKey {
    let point = secret_key().verifying_key().to_sec1_point(true);
    Hex(point.as_bytes().try_into().expect("33 bytes"))
}

pub(crate) fn chain_code() -> Digest {
    Hex([0xcc; 32])
}

pub(crate) fn digest() -> Digest {
    Hex([0xd1; 32])
}

pub(crate) fn token(index: u8) -> [u8; 32] {
    [0x70 + index; 32]
}

pub(crate) fn key_facts(account: AccountId, session: SessionId) -> KeyFacts {
    KeyFacts {
        key: KeyId::of(session),
        account,
        session,
        engine: EngineId::Dkls23,
        quorum: quorum(),
        roster: fingerprint(&members()),
        members: members(),
        auth_key: auth_signer(1).public().thumbprint(),
    }
}

/// A session of the kind, with the parties 1 to 3; 1 and 2 sign.
pub(crate) fn new_session(kind: SessionKind, session: SessionId, key: KeyId) -> NewSession {
    let sign = (kind == SessionKind::Sign).then(|| SignRequest {
        path: "m/44/60/0".parse().expect("a path"),
        public_key: public_key(),
        digest: digest(),
        hash: None,
    });
    let attendance = if sign.is_some() { 2 } else { 3 };
    NewSession {
        session,
        kind,
        account: account_id(1),
        key,
        engine: EngineId::Dkls23,
        quorum: quorum(),
        epoch: 1,
        intent: "an.intent.jws".into(),
        intent_hash: Hex([1; 32]),
        auth_key: auth_signer(1).public().thumbprint(),
        roster: fingerprint(&members()),
        sign,
        participants: members()
            .into_iter()
            .map(|member| Invitee {
                token_hash: token_hash(&token(member.index)),
                member,
            })
            .collect(),
        signers: (1..=attendance).map(party).collect(),
        max_attempts: 3,
        ready_timeout_ms: 5_000,
        attempt_timeout_ms: 10_000,
        expires_at: at(100_000),
    }
}

/// So many seconds into the test.
pub(crate) fn at(seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).expect("a small number");
    Timestamp::from_timestamp(1_750_000_000 + seconds, 0).expect("a time")
}

/// An event, as the log would have it; a second passes between positions.
pub(crate) fn envelope(
    position: u64,
    stream: StreamId,
    version: u64,
    event: &impl StoredEvent,
) -> Arc<Envelope> {
    Arc::new(Envelope {
        position,
        stream,
        version,
        event_type: event.name().into(),
        event_version: event.version(),
        payload: serde_json::to_value(event).expect("JSON"),
        recorded_at: at(position),
        correlation_id: uuid::Uuid::from_u128(1),
        causation_id: None,
        actor: "test".into(),
        trace_parent: None,
        previous_hash: [0; 32],
    })
}
