//! A small world: Alice and Mallory with their auth keys, parties `p1`, `p2`, …
//! with their identity keys, one group key that nobody splits, and commands and
//! events about them.

use std::collections::BTreeSet;

use countersign_domain::Timestamp;
use countersign_domain::auth_key::AuthSigner;
use countersign_domain::bytes::{Digest, Hex, PublicKey};
use countersign_domain::digest::HashScheme;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId, PartyId, SessionId};
use countersign_domain::intent::{Action, Intent, VerifiedIntent};
use countersign_domain::key::{KeyEvent, KeyFacts};
use countersign_domain::path::DerivationPath;
use countersign_domain::personal::{Personal, Sealed};
use countersign_domain::quorum::Quorum;
use countersign_domain::receipt::{Receipt, Statement};
use countersign_domain::roster::{Member, PartyIdentity, Roster, fingerprint};
use countersign_domain::session::{
    AttemptFailure, DeviceInfo, Invitee, NewSession, Report, SessionCommand, SessionEvent,
    SessionKind, SignRequest, token_hash,
};
use countersign_domain::signature::Signature;
use zeroize::Zeroizing;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_767_225_600 + seconds, 0).unwrap()
}

pub(crate) fn quorum(threshold: u8, parties: u8) -> Quorum {
    Quorum::new(threshold, parties).unwrap()
}

// ---- accounts

pub(crate) fn alice() -> AuthSigner {
    AuthSigner::ed25519(&Zeroizing::new([0xa1; 32]))
}

pub(crate) fn mallory() -> AuthSigner {
    AuthSigner::secp256k1(&Zeroizing::new([0x3a; 32])).unwrap()
}

pub(crate) fn account_of(signer: &AuthSigner) -> AccountId {
    AccountId::of(&signer.public().thumbprint())
}

pub(crate) fn intent(signer: &AuthSigner, jti: &str, action: Action) -> Intent {
    Intent {
        account: account_of(signer),
        jti: jti.to_owned(),
        issued_at: at(0),
        expires_at: at(3600),
        action,
    }
}

pub(crate) fn verified(signer: &AuthSigner, jti: &str, action: Action) -> Box<VerifiedIntent> {
    let token = intent(signer, jti, action).sign(signer).unwrap();
    Box::new(Intent::verify(&token, &signer.public()).unwrap())
}

pub(crate) fn registration(signer: &AuthSigner) -> Action {
    Action::Register {
        username: "alice".to_owned(),
        email: "alice@example.com".to_owned(),
        auth_key: signer.public(),
        quorum: quorum(2, 3),
    }
}

pub(crate) fn sealed() -> Personal {
    Personal::Sealed(Sealed(vec![1, 2, 3]))
}

// ---- parties

pub(crate) fn party(index: u8) -> PartyId {
    format!("p{index}").parse().unwrap()
}

pub(crate) fn parties(indices: &[u8]) -> Vec<PartyId> {
    indices.iter().copied().map(party).collect()
}

pub(crate) fn identity_key(index: u8) -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[index; 32])
}

pub(crate) fn identity(index: u8) -> PartyIdentity {
    PartyIdentity {
        party: party(index),
        sign_key: Hex(identity_key(index).verifying_key().to_bytes()),
        seal_key: Hex([0x80 | index; 32]),
    }
}

pub(crate) fn roster(parties: u8) -> Roster {
    Roster::new((1..=parties).map(identity).collect()).unwrap()
}

pub(crate) fn members(count: u8) -> Vec<Member> {
    let names: Vec<_> = (1..=count).map(party).collect();
    roster(count).members(&names).unwrap()
}

pub(crate) fn token(index: u8) -> Zeroizing<[u8; 32]> {
    Zeroizing::new([0x40 | index; 32])
}

pub(crate) fn device() -> DeviceInfo {
    DeviceInfo {
        name: "countersign".to_owned(),
        version: "1.2.3".to_owned(),
    }
}

/// A pair as it is kept: the lesser name first.
pub(crate) fn pairs(pairs: &[(u8, u8)]) -> BTreeSet<(PartyId, PartyId)> {
    let ordered = |&(a, b): &(u8, u8)| (party(a.min(b)), party(a.max(b)));
    pairs.iter().map(ordered).collect()
}

// ---- keys

fn group_key() -> k256::ecdsa::SigningKey {
    k256::ecdsa::SigningKey::from_slice(&[0x77; 32]).unwrap()
}

pub(crate) fn group_public_key() -> PublicKey {
    let point = group_key().verifying_key().to_sec1_point(true);
    Hex(point.as_bytes().try_into().unwrap())
}

pub(crate) const CHAIN_CODE: Digest = Hex([0xcc; 32]);

/// The digest that sign sessions here sign.
pub(crate) fn digest() -> Digest {
    HashScheme::Sha256.digest(b"one coin to bob")
}

pub(crate) fn sign(digest: Digest) -> Signature {
    let (signature, id) = group_key().sign_prehash_recoverable(&digest.0);
    Signature {
        r: Hex(signature.r().to_bytes().into()),
        s: Hex(signature.s().to_bytes().into()),
        v: id.to_byte(),
    }
}

/// The other signature of the same message: s' = n − s, the point's other half.
pub(crate) fn high_s(signature: Signature) -> Signature {
    let order: [u8; 32] =
        hex_bytes("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    let mut s = [0u8; 32];
    let mut borrow = 0i16;
    for at in (0..32).rev() {
        let difference = i16::from(order[at]) - i16::from(signature.s.0[at]) - borrow;
        borrow = i16::from(difference < 0);
        s[at] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    Signature {
        s: Hex(s),
        v: signature.v ^ 1,
        ..signature
    }
}

pub(crate) fn hex_bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

/// The session that made the key all tests share, and the key.
pub(crate) fn keygen_session() -> SessionId {
    SessionId::of(account_of(&alice()), "make-a-key")
}

pub(crate) fn key_id() -> KeyId {
    KeyId::of(keygen_session())
}

pub(crate) fn facts(threshold: u8, parties: u8) -> KeyFacts {
    let members = members(parties);
    KeyFacts {
        key: key_id(),
        account: account_of(&alice()),
        session: keygen_session(),
        engine: EngineId::Dkls23,
        quorum: quorum(threshold, parties),
        roster: fingerprint(&members),
        members,
        auth_key: alice().public().thumbprint(),
    }
}

pub(crate) fn create_key(threshold: u8, parties: u8) -> Action {
    Action::CreateKey {
        engine: EngineId::Dkls23,
        quorum: quorum(threshold, parties),
    }
}

pub(crate) fn requested(threshold: u8, parties: u8) -> KeyEvent {
    KeyEvent::KeyRequested {
        facts: facts(threshold, parties),
        intent: "the intent".to_owned(),
    }
}

pub(crate) fn activated(threshold: u8, parties: u8) -> KeyEvent {
    KeyEvent::KeyActivated {
        public_key: group_public_key(),
        chain_code: CHAIN_CODE,
        receipts: receipts(threshold, parties),
    }
}

/// What every honest party of the key states after the first attempt.
pub(crate) fn statement(threshold: u8, parties: u8) -> Statement {
    let facts = facts(threshold, parties);
    Statement {
        key: facts.key,
        session: facts.session,
        attempt: 1,
        account: facts.account,
        engine: facts.engine,
        quorum: facts.quorum,
        epoch: 1,
        roster: facts.roster,
        public_key: group_public_key(),
        chain_code: CHAIN_CODE,
        auth_key: facts.auth_key,
        broadcasts: Hex([0xbc; 32]),
    }
}

pub(crate) fn receipt(index: u8, statement: &Statement) -> String {
    let receipt = Receipt {
        party: party(index),
        index,
        statement: statement.clone(),
    };
    receipt.sign(&identity_key(index)).unwrap()
}

pub(crate) fn receipts(threshold: u8, parties: u8) -> Vec<String> {
    let statement = statement(threshold, parties);
    (1..=parties)
        .map(|index| receipt(index, &statement))
        .collect()
}

/// Every way in which one statement can differ from another, by field.
pub(crate) fn other_statements(statement: &Statement) -> Vec<(&'static str, Statement)> {
    let other_id = uuid::Uuid::from_u128(0xdead);
    let change = |field, apply: &dyn Fn(&mut Statement)| {
        let mut other = statement.clone();
        apply(&mut other);
        (field, other)
    };
    vec![
        change("key", &|s| s.key = KeyId(other_id)),
        change("session", &|s| s.session = SessionId(other_id)),
        change("attempt", &|s| s.attempt += 1),
        change("account", &|s| s.account = AccountId(other_id)),
        change("quorum", &|s| s.quorum = quorum(2, 32)),
        change("epoch", &|s| s.epoch += 1),
        change("roster", &|s| s.roster = Hex([0xee; 32])),
        change("public_key", &|s| s.public_key = Hex([2; 33])),
        change("chain_code", &|s| s.chain_code = Hex([0xee; 32])),
        change("auth_key", &|s| {
            s.auth_key = mallory().public().thumbprint();
        }),
        change("broadcasts", &|s| s.broadcasts = Hex([0xee; 32])),
    ]
}

// ---- sessions

pub(crate) fn keygen(threshold: u8, parties: u8) -> NewSession {
    let facts = facts(threshold, parties);
    NewSession {
        session: facts.session,
        kind: SessionKind::Keygen,
        account: facts.account,
        key: facts.key,
        engine: facts.engine,
        quorum: facts.quorum,
        epoch: 1,
        intent: "the intent".to_owned(),
        intent_hash: Hex([0x11; 32]),
        auth_key: facts.auth_key,
        roster: facts.roster,
        sign: None,
        participants: facts.members.into_iter().map(invitee).collect(),
        signers: (1..=parties).map(party).collect(),
        max_attempts: 3,
        ready_timeout_ms: 10_000,
        attempt_timeout_ms: 30_000,
        expires_at: at(300),
    }
}

/// A sign session whose first signers are the first `threshold` parties.
pub(crate) fn signing(threshold: u8, parties: u8) -> NewSession {
    NewSession {
        session: signing_session(),
        kind: SessionKind::Sign,
        sign: Some(SignRequest {
            path: DerivationPath::default(),
            public_key: group_public_key(),
            digest: digest(),
            hash: Some(HashScheme::Sha256),
        }),
        signers: (1..=threshold).map(party).collect(),
        ..keygen(threshold, parties)
    }
}

pub(crate) fn signing_session() -> SessionId {
    SessionId::of(account_of(&alice()), "pay-bob")
}

fn invitee(member: Member) -> Invitee {
    let token = token(member.index);
    Invitee {
        member,
        token_hash: token_hash(&token),
    }
}

pub(crate) fn created(session: &NewSession) -> SessionEvent {
    SessionEvent::SessionCreated {
        session: Box::new(session.clone()),
    }
}

pub(crate) fn joined(index: u8) -> SessionEvent {
    SessionEvent::ParticipantJoined {
        party: party(index),
        device: device(),
    }
}

pub(crate) fn ready(index: u8) -> SessionEvent {
    SessionEvent::ParticipantReady {
        party: party(index),
    }
}

pub(crate) fn started(attempt: u32, signers: &[u8]) -> SessionEvent {
    SessionEvent::SessionStarted {
        attempt,
        signers: parties(signers),
    }
}

/// The session with its first attempt in progress.
pub(crate) fn in_progress(session: &NewSession) -> Vec<SessionEvent> {
    let mut events = vec![created(session)];
    for signer in &session.signers {
        events.push(SessionEvent::ParticipantJoined {
            party: signer.clone(),
            device: device(),
        });
        events.push(SessionEvent::ParticipantReady {
            party: signer.clone(),
        });
    }
    events.push(SessionEvent::SessionStarted {
        attempt: 1,
        signers: session.signers.clone(),
    });
    events
}

/// These events and then that one.
pub(crate) fn and<E>(mut events: Vec<E>, last: impl IntoIterator<Item = E>) -> Vec<E> {
    events.extend(last);
    events
}

/// A party joins by its token and is ready.
pub(crate) fn join(index: u8) -> SessionCommand {
    SessionCommand::Join {
        party: party(index),
        token: token(index),
        device: device(),
        ready: true,
        now: at(1),
    }
}

pub(crate) fn report_signature(index: u8, attempt: u32, signature: Signature) -> SessionCommand {
    SessionCommand::Report {
        party: party(index),
        attempt,
        report: Report::Signature { signature },
    }
}

pub(crate) fn report_receipt(index: u8, attempt: u32, receipt: String) -> SessionCommand {
    SessionCommand::Report {
        party: party(index),
        attempt,
        report: Report::Receipt { receipt },
    }
}

pub(crate) fn reported_signature(index: u8, attempt: u32, signature: Signature) -> SessionEvent {
    SessionEvent::ParticipantReported {
        party: party(index),
        attempt,
        report: Report::Signature { signature },
    }
}

pub(crate) fn reported_receipt(index: u8, attempt: u32, receipt: String) -> SessionEvent {
    SessionEvent::ParticipantReported {
        party: party(index),
        attempt,
        report: Report::Receipt { receipt },
    }
}

/// A party gives attempt 1 up; the spares are there, and no pair is banned.
pub(crate) fn abort(
    index: u8,
    reason: AttemptFailure,
    culprits: &[u8],
    available: &[u8],
) -> SessionCommand {
    SessionCommand::Abort {
        party: party(index),
        attempt: 1,
        reason,
        culprits: parties(culprits),
        detail: String::new(),
        available: parties(available),
        banned: BTreeSet::new(),
    }
}

pub(crate) fn timed_out(attempt: u32, available: &[u8]) -> SessionCommand {
    SessionCommand::AttemptTimedOut {
        attempt,
        available: parties(available),
        banned: BTreeSet::new(),
    }
}

pub(crate) fn attempt_failed(
    attempt: u32,
    reason: AttemptFailure,
    culprits: &[u8],
    reporter: Option<u8>,
    next: &[u8],
) -> SessionEvent {
    SessionEvent::AttemptFailed {
        attempt,
        reason,
        culprits: parties(culprits),
        reporter: reporter.map(party),
        detail: String::new(),
        next: parties(next),
    }
}
