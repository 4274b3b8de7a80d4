//! Random histories: commands as they come, through the domain's own decisions,
//! and the events of those that are accepted.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_domain::account::{Account, AccountCommand};
use countersign_domain::bytes::Hex;
use countersign_domain::decider::Decider;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId, SessionId};
use countersign_domain::intent::{Action, Intent, VerifiedIntent};
use countersign_domain::key::{Key, KeyCommand, NewKey};
use countersign_domain::personal::{Personal, PersonalData, Sealed};
use countersign_domain::receipt::{Receipt, Statement};
use countersign_domain::roster::fingerprint;
use countersign_domain::session::{
    AttemptFailure, DeviceInfo, Report, Session, SessionCommand, SessionKind,
};
use countersign_domain::signature::Signature;
use countersign_event_store::{Envelope, StreamId};
use proptest::prelude::*;
use zeroize::Zeroizing;

use crate::support::{
    account_id, at, auth_signer, chain_code, digest, envelope, identity_key, key_facts, members,
    new_session, party, public_key, quorum, secret_key, session_id, token,
};

/// How many accounts and sessions there may be.
const ACCOUNTS: u8 = 3;
const SESSIONS: u8 = 4;

/// A command, with numbers for what it is about.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Register(u8),
    Suspend(u8),
    Reactivate(u8),
    RequestKey(u8),
    Activate(u8),
    Freeze(u8),
    Unfreeze(u8),
    Ban(u8, u8, u8),
    Retire(u8),
    Create(u8, SessionKind),
    Join(u8, u8, bool),
    JoinAll(u8),
    Report(u8, u8),
    Abort(u8, u8, AttemptFailure, u8),
    TimeOut(u8),
    Expire(u8),
    Cancel(u8),
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let failure = prop_oneof![
        (1..4u8).prop_map(|round| AttemptFailure::Silence { round }),
        Just(AttemptFailure::Cheating),
        Just(AttemptFailure::Refused),
        Just(AttemptFailure::Engine),
    ];
    let kind = prop_oneof![Just(SessionKind::Keygen), Just(SessionKind::Sign)];
    let (account, session, member) = (1..=ACCOUNTS, 1..=SESSIONS, 1..=3u8);
    prop_oneof![
        2 => account.clone().prop_map(Op::Register),
        1 => account.clone().prop_map(Op::Suspend),
        1 => account.prop_map(Op::Reactivate),
        2 => session.clone().prop_map(Op::RequestKey),
        2 => session.clone().prop_map(Op::Activate),
        1 => session.clone().prop_map(Op::Freeze),
        1 => session.clone().prop_map(Op::Unfreeze),
        1 => (session.clone(), member.clone(), member.clone()).prop_map(|(s, a, b)| Op::Ban(s, a, b)),
        1 => session.clone().prop_map(Op::Retire),
        4 => (session.clone(), kind).prop_map(|(s, kind)| Op::Create(s, kind)),
        6 => (session.clone(), member.clone(), any::<bool>()).prop_map(|(s, m, r)| Op::Join(s, m, r)),
        6 => session.clone().prop_map(Op::JoinAll),
        6 => (session.clone(), member.clone()).prop_map(|(s, m)| Op::Report(s, m)),
        4 => (session.clone(), member.clone(), failure, member)
            .prop_map(|(s, m, failure, culprit)| Op::Abort(s, m, failure, culprit)),
        2 => session.clone().prop_map(Op::TimeOut),
        1 => session.clone().prop_map(Op::Expire),
        1 => session.prop_map(Op::Cancel),
    ]
}

/// The aggregates and the log that they made.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) log: Vec<Arc<Envelope>>,
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    pub(crate) keys: BTreeMap<KeyId, Key>,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    versions: BTreeMap<StreamId, u64>,
}

impl World {
    pub(crate) fn of(ops: &[Op]) -> Self {
        let mut world = Self::default();
        ops.iter().for_each(|op| world.run(op));
        world
    }

    fn run(&mut self, op: &Op) {
        match *op {
            Op::Register(number) => self.register(number),
            Op::Suspend(number) => {
                let command = AccountCommand::Suspend(verified(number, Action::Suspend));
                self.account(number, command);
            }
            Op::Reactivate(number) => {
                let command = AccountCommand::Reactivate(verified(number, Action::Reactivate));
                self.account(number, command);
            }
            Op::RequestKey(number) => {
                let (engine, quorum) = (EngineId::Dkls23, quorum());
                let new = NewKey {
                    facts: key_facts(account_id(1), session_id(number)),
                    intent: *verified(1, Action::CreateKey { engine, quorum }),
                };
                self.key(number, KeyCommand::Request(Box::new(new)));
            }
            Op::Activate(number) => {
                let receipts = (1..=3).map(|index| receipt(number, index, 1)).collect();
                self.key(number, KeyCommand::Activate { receipts });
            }
            Op::Freeze(number) => {
                let key = KeyId::of(session_id(number));
                self.key(
                    number,
                    KeyCommand::Freeze(verified(1, Action::Freeze { key })),
                );
            }
            Op::Unfreeze(number) => {
                let key = KeyId::of(session_id(number));
                self.key(
                    number,
                    KeyCommand::Unfreeze(verified(1, Action::Unfreeze { key })),
                );
            }
            Op::Ban(number, a, b) => {
                let (reporter, culprit) = (party(a), party(b));
                self.key(number, KeyCommand::BanPair { reporter, culprit });
            }
            Op::Retire(number) => {
                let reason = "no use".into();
                self.key(number, KeyCommand::Retire { reason });
            }
            ref session => self.run_session(session),
        }
    }

    fn run_session(&mut self, op: &Op) {
        match *op {
            Op::Create(number, kind) => {
                let session = session_id(number);
                let new = new_session(kind, session, KeyId::of(session));
                self.session(number, SessionCommand::Create(Box::new(new)));
            }
            Op::Join(number, index, ready) => self.join(number, index, ready),
            Op::JoinAll(number) => (1..=3).for_each(|index| self.join(number, index, true)),
            Op::Report(number, index) => {
                let Some(state) = self.state(number) else {
                    return;
                };
                let attempt = state.attempt;
                let report = match state.asked.kind {
                    SessionKind::Sign => Report::Signature {
                        signature: signature(),
                    },
                    _ => Report::Receipt {
                        receipt: receipt(number, index, attempt),
                    },
                };
                let party = party(index);
                let command = SessionCommand::Report {
                    party,
                    attempt,
                    report,
                };
                self.session(number, command);
            }
            Op::Abort(number, index, reason, culprit) => {
                let command = SessionCommand::Abort {
                    party: party(index),
                    attempt: self.state(number).map_or(1, |state| state.attempt),
                    reason,
                    culprits: vec![party(culprit)],
                    detail: "in its own words".into(),
                    available: vec![party(3), party(2), party(1)],
                    banned: Default::default(),
                };
                self.session(number, command);
            }
            Op::TimeOut(number) => {
                let command = SessionCommand::AttemptTimedOut {
                    attempt: self.state(number).map_or(1, |state| state.attempt),
                    available: vec![party(3), party(1)],
                    banned: Default::default(),
                };
                self.session(number, command);
            }
            Op::Expire(number) => self.session(number, SessionCommand::Expire { now: at(200_000) }),
            Op::Cancel(number) => {
                let session = session_id(number);
                let intent = verified(1, Action::Cancel { session });
                self.session(number, SessionCommand::Cancel(intent));
            }
            _ => {}
        }
    }

    fn register(&mut self, number: u8) {
        let action = Action::Register {
            username: format!("user-{number}"),
            email: format!("user-{number}@example.com"),
            auth_key: auth_signer(number).public(),
            quorum: quorum(),
        };
        let intent = verified(number, action);
        // Some as they were stored before they were sealed.
        let personal = match PersonalData::of(&intent) {
            Some(data) if number.is_multiple_of(2) => Personal::Open(data),
            _ => Personal::Sealed(Sealed(vec![number; 40])),
        };
        self.account(number, AccountCommand::Register(intent, personal));
    }

    fn join(&mut self, number: u8, index: u8, ready: bool) {
        let command = SessionCommand::Join {
            party: party(index),
            token: Zeroizing::new(token(index)),
            device: DeviceInfo {
                name: "countersign".into(),
                version: format!("0.1.{index}"),
            },
            ready,
            now: at(0),
        };
        self.session(number, command);
    }

    fn state(&self, number: u8) -> Option<&countersign_domain::session::SessionState> {
        self.sessions.get(&session_id(number))?.state()
    }

    fn account(&mut self, number: u8, command: AccountCommand) {
        let id = account_id(number);
        let account = self.accounts.entry(id).or_default();
        decide(account, command, id, &mut self.log, &mut self.versions);
    }

    fn key(&mut self, number: u8, command: KeyCommand) {
        let id = KeyId::of(session_id(number));
        let key = self.keys.entry(id).or_default();
        decide(key, command, id, &mut self.log, &mut self.versions);
    }

    fn session(&mut self, number: u8, command: SessionCommand) {
        let id = session_id(number);
        let session = self.sessions.entry(id).or_default();
        decide(session, command, id, &mut self.log, &mut self.versions);
    }
}

/// Refused commands leave nothing.
fn decide<D: Decider>(
    state: &mut D,
    command: D::Command,
    id: impl std::fmt::Display,
    log: &mut Vec<Arc<Envelope>>,
    versions: &mut BTreeMap<StreamId, u64>,
) {
    for event in state.decide(command).unwrap_or_default() {
        state.evolve(&event);
        let stream = StreamId::new(D::TYPE, &id);
        let version = versions.entry(stream.clone()).or_default();
        *version += 1;
        let position = log.len() as u64 + 1;
        log.push(envelope(position, stream, *version, &event));
    }
}

fn verified(number: u8, action: Action) -> Box<VerifiedIntent> {
    Box::new(VerifiedIntent {
        intent: Intent {
            account: account_id(number),
            jti: "jti".into(),
            issued_at: at(0),
            expires_at: at(60),
            action,
        },
        token: "an.intent.jws".into(),
        hash: Hex([1; 32]),
    })
}

fn receipt(number: u8, index: u8, attempt: u32) -> String {
    let session = session_id(number);
    let receipt = Receipt {
        party: party(index),
        index,
        statement: Statement {
            key: KeyId::of(session),
            session,
            attempt,
            account: account_id(1),
            engine: EngineId::Dkls23,
            quorum: quorum(),
            epoch: 1,
            roster: fingerprint(&members()),
            public_key: public_key(),
            chain_code: chain_code(),
            auth_key: auth_signer(1).public().thumbprint(),
            broadcasts: Hex([0xbb; 32]),
        },
    };
    receipt.sign(&identity_key(index)).expect("a receipt")
}

/// A signature over the digest of every sign session.
pub(crate) fn signature() -> Signature {
    let (signature, id) = secret_key().sign_prehash_recoverable(&digest().0);
    let (r, s) = signature.split_bytes();
    Signature {
        r: Hex(r.into()),
        s: Hex(s.into()),
        v: id.to_byte(),
    }
}
