//! A small history that the domain itself decided, with real keys: intents, receipts
//! and signatures verify.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bip32::{ChildNumber, XPrv};
use countersign_domain::Timestamp;
use countersign_domain::account::{Account, AccountCommand};
use countersign_domain::auth_key::AuthSigner;
use countersign_domain::bytes::{Digest, Hex, PublicKey};
use countersign_domain::decider::{Decider, StoredEvent};
use countersign_domain::digest::HashScheme;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId, PartyId, SessionId};
use countersign_domain::intent::{Action, Intent, SignPayload, VerifiedIntent};
use countersign_domain::key::{Key, KeyCommand, KeyFacts, NewKey};
use countersign_domain::path::DerivationPath;
use countersign_domain::personal::{Personal, PersonalData};
use countersign_domain::quorum::Quorum;
use countersign_domain::receipt::{Receipt, Statement};
use countersign_domain::roster::{Member, PartyIdentity, fingerprint};
use countersign_domain::session::{
    AttemptFailure, DeviceInfo, Invitee, NewSession, Report, Session, SessionCommand, SessionKind,
    SignRequest, token_hash,
};
use countersign_domain::signature::Signature;
use countersign_event_store::{Envelope, PersonalKey, StreamId};
use uuid::Uuid;
use zeroize::Zeroizing;

pub(crate) fn at(seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).expect("a small number");
    Timestamp::from_timestamp(1_750_000_000 + seconds, 0).expect("a time")
}

pub(crate) fn quorum() -> Quorum {
    Quorum::new(2, 3).expect("2-of-3")
}

pub(crate) fn party(index: u8) -> PartyId {
    format!("party-{index}").parse().expect("a name")
}

fn identity(index: u8) -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[index; 32])
}

fn members() -> Vec<Member> {
    let member = |index| Member {
        index,
        identity: PartyIdentity {
            party: party(index),
            sign_key: Hex(identity(index).verifying_key().to_bytes()),
            seal_key: Hex([0xa0 + index; 32]),
        },
    };
    (1..=3).map(member).collect()
}

/// Accounts with an odd number have Ed25519 keys, the others secp256k1.
pub(crate) fn signer(number: u8) -> AuthSigner {
    let entropy = Zeroizing::new([number; 32]);
    if number % 2 == 1 {
        AuthSigner::ed25519(&entropy)
    } else {
        AuthSigner::secp256k1(&entropy).expect("a scalar")
    }
}

pub(crate) fn account(number: u8) -> AccountId {
    AccountId::of(&signer(number).public().thumbprint())
}

/// The aggregates and the log that they made.
#[derive(Clone, Default)]
pub(crate) struct History {
    pub(crate) events: Vec<Envelope>,
    accounts: HashMap<AccountId, Account>,
    keys: HashMap<KeyId, Key>,
    sessions: HashMap<SessionId, Session>,
    tails: BTreeMap<StreamId, (u64, [u8; 32])>,
    requests: u64,
}

impl History {
    /// One of everything that can be recorded.
    pub(crate) fn of_everything() -> Self {
        let mut history = Self::default();
        history.register(1);
        history.register(2);
        let key = history.keygen(1);
        history.sign(1, key, "m");
        history.sign(1, key, "m/44/60/0/0/7");
        history.attempts(1, key);
        history.cancelled(1, key);
        history.expired(1, key);
        history.freeze(1, key);
        history.suspend(1);
        history.sign(1, key, "m/1");
        history.failed_keygen(2);
        history
    }

    /// An account, a key, and a signature.
    pub(crate) fn short() -> Self {
        let mut history = Self::default();
        history.register(1);
        let key = history.keygen(1);
        history.sign(1, key, "m/44/0");
        history
    }

    pub(crate) fn register(&mut self, number: u8) {
        let action = Action::Register {
            username: format!("user-{number}"),
            email: format!("user-{number}@example.com"),
            auth_key: signer(number).public(),
            quorum: quorum(),
        };
        let intent = self.intent(number, action);
        let data = PersonalData::of(&intent).expect("a registration");
        let personal = Personal::Open(data);
        self.account(number, AccountCommand::Register(Box::new(intent), personal));
    }

    /// An account whose registration is sealed under the key that is returned.
    pub(crate) fn register_sealed(&mut self, number: u8, username: &str) -> PersonalKey {
        let action = Action::Register {
            username: username.to_owned(),
            email: format!("{username}@example.com"),
            auth_key: signer(number).public(),
            quorum: quorum(),
        };
        let intent = self.intent(number, action);
        let data = PersonalData::of(&intent).expect("a registration");
        let key = PersonalKey::new(Zeroizing::new([number; 32]));
        let personal = Personal::Sealed(key.seal(account(number), &data, [number; 12]));
        self.account(number, AccountCommand::Register(Box::new(intent), personal));
        key
    }

    pub(crate) fn erase(&mut self, number: u8) {
        let intent = self.intent(number, Action::Erase);
        self.account(number, AccountCommand::Erase(Box::new(intent)));
    }

    pub(crate) fn suspend(&mut self, number: u8) {
        let intent = self.intent(number, Action::Suspend);
        self.account(number, AccountCommand::Suspend(Box::new(intent)));
        let intent = self.intent(number, Action::Reactivate);
        self.account(number, AccountCommand::Reactivate(Box::new(intent)));
    }

    fn freeze(&mut self, number: u8, key: KeyId) {
        let intent = self.intent(number, Action::Freeze { key });
        self.key(key, KeyCommand::Freeze(Box::new(intent)));
        let intent = self.intent(number, Action::Unfreeze { key });
        self.key(key, KeyCommand::Unfreeze(Box::new(intent)));
    }

    pub(crate) fn keygen(&mut self, number: u8) -> KeyId {
        let session = self.begin_keygen(number);
        self.all_ready(session);
        for index in 1..=3 {
            self.report_receipt(session, index);
        }
        let state = self.session_state(session);
        let (key, receipts) = (state.asked.key, state.receipts());
        self.key(key, KeyCommand::Activate { receipts });
        key
    }

    fn failed_keygen(&mut self, number: u8) {
        let session = self.begin_keygen(number);
        self.join(session, 1);
        let command = SessionCommand::Abort {
            party: party(2),
            attempt: 1,
            reason: AttemptFailure::Refused,
            culprits: vec![party(2)],
            detail: "not in my roster".into(),
            available: vec![],
            banned: BTreeSet::new(),
        };
        self.session(session, command);
        let key = self.session_state(session).asked.key;
        let reason = "its generation failed".into();
        self.key(key, KeyCommand::Retire { reason });
    }

    fn begin_keygen(&mut self, number: u8) -> SessionId {
        let action = Action::CreateKey {
            engine: EngineId::Dkls23,
            quorum: quorum(),
        };
        let intent = self.intent(number, action);
        let session = SessionId::of(account(number), &intent.intent.jti);
        let facts = KeyFacts {
            key: KeyId::of(session),
            account: account(number),
            session,
            engine: EngineId::Dkls23,
            quorum: quorum(),
            roster: fingerprint(&members()),
            members: members(),
            auth_key: signer(number).public().thumbprint(),
        };
        let key = facts.key;
        let new = self.new_session(number, &intent, SessionKind::Keygen, key, None);
        let request = KeyCommand::Request(Box::new(NewKey { facts, intent }));
        self.key(key, request);
        self.session(session, SessionCommand::Create(Box::new(new)));
        session
    }

    pub(crate) fn sign(&mut self, number: u8, key: KeyId, path: &str) -> SessionId {
        let session = self.begin_sign(number, key, path);
        self.all_ready(session);
        self.report_signature(session);
        session
    }

    /// Attempts that fail in every way, and one that does not.
    fn attempts(&mut self, number: u8, key: KeyId) {
        let session = self.begin_sign(number, key, "m/2");
        self.join(session, 1);
        // The second is not there: the third comes in.
        self.time_out(session, &[3]);
        self.join(session, 3);
        self.time_out(session, &[1, 3]);
        self.join(session, 1);
        self.join(session, 3);
        let command = SessionCommand::Abort {
            party: party(1),
            attempt: 3,
            reason: AttemptFailure::Cheating,
            culprits: vec![party(3)],
            detail: "a proof that is none".into(),
            available: vec![party(2), party(1), party(3)],
            banned: BTreeSet::new(),
        };
        self.session(session, command);
        let (reporter, culprit) = (party(1), party(3));
        self.key(key, KeyCommand::BanPair { reporter, culprit });
        self.join(session, 2);
        self.report_signature(session);
    }

    fn time_out(&mut self, session: SessionId, available: &[u8]) {
        let command = SessionCommand::AttemptTimedOut {
            attempt: self.session_state(session).attempt,
            available: available.iter().copied().map(party).collect(),
            banned: BTreeSet::new(),
        };
        self.session(session, command);
    }

    fn cancelled(&mut self, number: u8, key: KeyId) {
        let session = self.begin_sign(number, key, "m/3");
        let intent = self.intent(number, Action::Cancel { session });
        self.session(session, SessionCommand::Cancel(Box::new(intent)));
    }

    fn expired(&mut self, number: u8, key: KeyId) {
        let session = self.begin_sign(number, key, "m/3");
        let now = self.session_state(session).asked.expires_at;
        // The clock of the log goes on with the events.
        while self.now() < now {
            self.requests += 100;
        }
        self.session(session, SessionCommand::Expire { now });
    }

    pub(crate) fn begin_sign(&mut self, number: u8, key: KeyId, path: &str) -> SessionId {
        let path: DerivationPath = path.parse().expect("a path");
        let payload = SignPayload::Message {
            hash: HashScheme::Sha256,
            message: format!("pay {}", self.requests).into_bytes(),
        };
        let sign = SignRequest {
            public_key: child_public(key, &path),
            path: path.clone(),
            digest: payload.digest(),
            hash: payload.scheme(),
        };
        let action = Action::Sign {
            key,
            epoch: 1,
            path,
            payload,
        };
        let intent = self.intent(number, action);
        let new = self.new_session(number, &intent, SessionKind::Sign, key, Some(sign));
        let session = new.session;
        self.session(session, SessionCommand::Create(Box::new(new)));
        session
    }

    fn new_session(
        &self,
        number: u8,
        intent: &VerifiedIntent,
        kind: SessionKind,
        key: KeyId,
        sign: Option<SignRequest>,
    ) -> NewSession {
        let session = SessionId::of(account(number), &intent.intent.jti);
        let signers = if sign.is_some() { 2 } else { 3 };
        NewSession {
            session,
            kind,
            account: account(number),
            key,
            engine: EngineId::Dkls23,
            quorum: quorum(),
            epoch: 1,
            intent: intent.token.clone(),
            intent_hash: intent.hash,
            auth_key: signer(number).public().thumbprint(),
            roster: fingerprint(&members()),
            sign,
            participants: members()
                .into_iter()
                .map(|member| Invitee {
                    token_hash: token_hash(&[member.index; 32]),
                    member,
                })
                .collect(),
            signers: (1..=signers).map(party).collect(),
            max_attempts: 5,
            ready_timeout_ms: 5_000,
            attempt_timeout_ms: 10_000,
            expires_at: self.now() + chrono::Duration::seconds(600),
        }
    }

    fn all_ready(&mut self, session: SessionId) {
        for party in self.session_state(session).signers.clone() {
            let members = self.session_state(session).participants[&party]
                .member
                .index;
            self.join(session, members);
        }
    }

    pub(crate) fn join(&mut self, session: SessionId, index: u8) {
        let command = SessionCommand::Join {
            party: party(index),
            token: Zeroizing::new([index; 32]),
            device: DeviceInfo {
                name: "countersign".into(),
                version: "0.1.0".into(),
            },
            ready: true,
            now: self.now(),
        };
        self.session(session, command);
    }

    fn report_receipt(&mut self, session: SessionId, index: u8) {
        let state = self.session_state(session);
        let key = state.asked.key;
        let receipt = Receipt {
            party: party(index),
            index,
            statement: Statement {
                key,
                session,
                attempt: state.attempt,
                account: state.asked.account,
                engine: state.asked.engine,
                quorum: state.asked.quorum,
                epoch: 1,
                roster: state.asked.roster,
                public_key: child_public(key, &DerivationPath::default()),
                chain_code: Hex(secret(key).attrs().chain_code),
                auth_key: state.asked.auth_key.clone(),
                broadcasts: Hex([0xbb; 32]),
            },
        };
        let receipt = receipt.sign(&identity(index)).expect("a receipt");
        let command = SessionCommand::Report {
            party: party(index),
            attempt: state.attempt,
            report: Report::Receipt { receipt },
        };
        self.session(session, command);
    }

    pub(crate) fn report_signature(&mut self, session: SessionId) {
        let state = self.session_state(session);
        let sign = state.asked.sign.as_ref().expect("it signs");
        let command = SessionCommand::Report {
            party: state.signers[0].clone(),
            attempt: state.attempt,
            report: Report::Signature {
                signature: signature(state.asked.key, &sign.path, &sign.digest),
            },
        };
        self.session(session, command);
    }

    pub(crate) fn session_state(
        &self,
        session: SessionId,
    ) -> &countersign_domain::session::SessionState {
        self.sessions[&session].state().expect("it exists")
    }

    /// The only key of a short history.
    pub(crate) fn last_key(&self) -> KeyId {
        *self.keys.keys().next().expect("a key")
    }

    fn now(&self) -> Timestamp {
        at(self.events.len() as u64 + self.requests)
    }

    pub(crate) fn intent(&mut self, number: u8, action: Action) -> VerifiedIntent {
        self.requests += 1;
        let now = self.now();
        let intent = Intent {
            account: account(number),
            jti: format!("request-{}", self.requests),
            issued_at: now,
            expires_at: now + chrono::Duration::seconds(300),
            action,
        };
        let signer = signer(number);
        let token = intent.sign(&signer).expect("a token");
        Intent::verify(&token, &signer.public()).expect("an intent")
    }

    pub(crate) fn account(&mut self, number: u8, command: AccountCommand) {
        let id = account(number);
        let mut state = self.accounts.remove(&id).unwrap_or_default();
        self.decide(&mut state, command, id);
        self.accounts.insert(id, state);
    }

    pub(crate) fn key(&mut self, id: KeyId, command: KeyCommand) {
        let mut state = self.keys.remove(&id).unwrap_or_default();
        self.decide(&mut state, command, id);
        self.keys.insert(id, state);
    }

    pub(crate) fn session(&mut self, id: SessionId, command: SessionCommand) {
        let mut state = self.sessions.remove(&id).unwrap_or_default();
        self.decide(&mut state, command, id);
        self.sessions.insert(id, state);
    }

    fn decide<D: Decider>(
        &mut self,
        state: &mut D,
        command: D::Command,
        id: impl std::fmt::Display,
    ) {
        let events = state.decide(command).unwrap_or_else(|e| panic!("{e}"));
        assert!(!events.is_empty(), "the command has an effect");
        for event in events {
            state.evolve(&event);
            self.record(StreamId::new(D::TYPE, &id), &event);
        }
    }

    pub(crate) fn record(&mut self, stream: StreamId, event: &impl StoredEvent) {
        let (version, previous_hash) = self.tails.get(&stream).copied().unwrap_or_default();
        let envelope = Envelope {
            position: self.events.len() as u64 + 1,
            stream: stream.clone(),
            version: version + 1,
            event_type: event.name().into(),
            event_version: event.version(),
            payload: serde_json::to_value(event).expect("JSON"),
            recorded_at: self.now(),
            correlation_id: Uuid::from_u128(1),
            causation_id: None,
            actor: "test".into(),
            trace_parent: None,
            previous_hash,
        };
        let tail = (version + 1, envelope.hash());
        self.tails.insert(stream, tail);
        self.events.push(envelope);
    }
}

/// The whole private key, which only a test has.
fn secret(key: KeyId) -> XPrv {
    XPrv::new(&key.0.as_bytes().repeat(2)).expect("a seed")
}

fn child_secret(key: KeyId, path: &DerivationPath) -> k256::ecdsa::SigningKey {
    let child = path.steps().iter().fold(secret(key), |node, step| {
        let number = ChildNumber::new(*step, false).expect("not hardened");
        node.derive_child(number).expect("a child")
    });
    child.private_key().clone()
}

fn child_public(key: KeyId, path: &DerivationPath) -> PublicKey {
    let secret = child_secret(key, path);
    let point = secret.verifying_key().to_sec1_point(true);
    Hex(point.as_bytes().try_into().expect("33 bytes"))
}

fn signature(key: KeyId, path: &DerivationPath, digest: &Digest) -> Signature {
    let (signature, id) = child_secret(key, path).sign_prehash_recoverable(&digest.0);
    let (r, s) = signature.split_bytes();
    Signature {
        r: Hex(r.into()),
        s: Hex(s.into()),
        v: id.to_byte(),
    }
}
