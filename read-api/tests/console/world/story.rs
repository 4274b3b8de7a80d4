//! What has happened in the demo world: three accounts, four keys, and sessions that
//! end in every way there is, or are open still.

use countersign_domain::account::AccountEvent;
use countersign_domain::bytes::{Hex, PublicKey};
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{KeyId, SessionId};
use countersign_domain::key::{KeyEvent, KeyFacts};
use countersign_domain::personal::{Personal, PersonalData};
use countersign_domain::quorum::Quorum;
use countersign_domain::roster::{Member, fingerprint};
use countersign_domain::session::{
    AttemptFailure, DeviceInfo, FailureReason, Invitee, NewSession, Report, SessionEvent,
    SessionKind, SignRequest,
};
use countersign_domain::signature::Signature;
use countersign_event_store::personal::{EMAIL, USERNAME};
use countersign_event_store::{PersonalChange, PersonalKey, StreamId};
use countersign_messaging::progress::Phase;
use zeroize::Zeroizing;

use super::{World, at};
use crate::shared::support::seed::{account_id, auth_signer, hash_key, key_id, session_id};
use crate::shared::support::{party, roster};

/// How many sessions there are.
pub(crate) const SESSIONS: usize = 21;

/// 1, 2 and 3 times the generator of the curve.
const POINTS: [&str; 3] = [
    "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
    "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
];

/// A session of the story.
pub(crate) fn session(number: u32) -> SessionId {
    session_id(1, number)
}

/// A key of the story, by the number of the session that makes it.
pub(crate) fn key(number: u32) -> KeyId {
    key_id(1, number)
}

fn point(number: u32) -> PublicKey {
    POINTS[(number as usize + 2) % 3].parse().expect("a point")
}

/// Something that differs from session to session.
fn small(number: u32) -> u8 {
    number.to_le_bytes()[0] & 0x3f
}

fn members() -> Vec<Member> {
    roster()
        .members(&[party(1), party(2), party(3)])
        .expect("members")
}

fn quorum() -> Quorum {
    Quorum::new(2, 3).expect("2-of-3")
}

fn stream(number: u32) -> StreamId {
    StreamId::new("session", session(number))
}

fn signature(number: u32) -> Signature {
    Signature {
        r: Hex([0x31 ^ small(number); 32]),
        s: Hex([0x12 ^ small(number); 32]),
        v: small(number) % 2,
    }
}

/// Who asks.
fn asker(account: u8) -> String {
    format!("account:{}", account_id(account))
}

impl World {
    /// The demo world, at its time.
    pub(crate) async fn demo() -> Self {
        let world = Self::empty().await;
        world.tell().await;
        world
    }

    async fn tell(&self) {
        for (number, name) in [
            (1, "northwind-treasury"),
            (2, "meridian.pay"),
            (3, "old-desk"),
        ] {
            self.register(i64::from(number) * 900, number, name).await;
        }
        for number in 1..=3 {
            self.keygen(i64::from(number) * 30_000, number).await;
        }
        let intent = || "eyJhbGciOiJFZERTQSJ9.e30.c2ln".to_owned();
        let suspended = AccountEvent::AccountSuspended { intent: intent() };
        let account = StreamId::new("account", account_id(3));
        self.append(118_000, &asker(3), &account, &suspended).await;
        let frozen = KeyEvent::KeyFrozen { intent: intent() };
        let stream_of_key = StreamId::new("key", key(3));
        self.append(119_000, &asker(1), &stream_of_key, &frozen)
            .await;
        for number in 4..=14 {
            let from = 120_000 + i64::from(number) * 7_000;
            self.sign(from, number, [1, if number % 2 == 0 { 2 } else { 3 }])
                .await;
        }
        self.retried(240_000, 15).await;
        self.failed(270_000, 16).await;
        self.create(300_000, 17, SessionKind::Sign, &[1, 2]).await;
        let cancelled = SessionEvent::SessionCancelled { intent: intent() };
        self.say(300_900, 17, &cancelled).await;
        self.create(305_000, 18, SessionKind::Sign, &[2, 3]).await;
        self.say(365_000, 18, &SessionEvent::SessionExpired {})
            .await;
        self.sign(366_000, 19, [1, 2]).await;
        self.running(371_000, 20).await;
        self.checkpoint().await;
        self.create(371_400, 21, SessionKind::Sign, &[1, 3]).await;
        self.join(371_460, 21, 1).await;
        self.clock(371_520);
        for (index, running) in [(1, 2), (2, 1), (3, 1)] {
            self.heartbeat(index, 371_000, running, "0.1.0");
        }
        self.settle().await;
    }

    pub(crate) async fn say(&self, at: i64, number: u32, event: &SessionEvent) -> u64 {
        self.append(at, "coordinator", &stream(number), event).await
    }

    pub(crate) async fn register(&self, at: i64, number: u8, name: &str) {
        let account = account_id(number);
        let data = PersonalData {
            username: name.into(),
            email: format!("ops@{name}.example"),
            intent: "eyJhbGciOiJFZERTQSJ9.e30.c2ln".into(),
        };
        let key = PersonalKey::new(Zeroizing::new([number; 32]));
        let names = vec![
            hash_key().reservation(USERNAME, &data.username, account),
            hash_key().reservation(EMAIL, &data.email, account),
        ];
        let event = AccountEvent::AccountRegistered {
            personal: Personal::Sealed(key.seal(account, &data, [number; 12])),
            auth_key: auth_signer(number).public(),
            quorum: quorum(),
        };
        let keep = Some(PersonalChange::Keep { account, key });
        let stream = StreamId::new("account", account);
        self.append_with(at, &asker(number), &stream, &event, names, keep)
            .await;
    }

    async fn keygen(&self, from: i64, number: u32) {
        let stream = StreamId::new("key", key(number));
        let requested = KeyEvent::KeyRequested {
            facts: KeyFacts {
                key: key(number),
                account: account_id(1),
                session: session(number),
                engine: EngineId::Dkls23,
                quorum: quorum(),
                roster: fingerprint(&members()),
                members: members(),
                auth_key: auth_signer(1).public().thumbprint(),
            },
            intent: "eyJhbGciOiJFZERTQSJ9.e30.c2ln".into(),
        };
        self.append(from, &asker(1), &stream, &requested).await;
        self.create(from, number, SessionKind::Keygen, &[1, 2, 3])
            .await;
        for index in 1..=3 {
            self.join(from + 30 + i64::from(index) * 14, number, index)
                .await;
        }
        self.start(from + 75, number, 1, &[1, 2, 3]).await;
        for index in 1..=3 {
            let receipt = format!("eyJ0eXAiOiJjb3VudGVyc2lnbi1yZWNlaXB0K2p3dCJ9.{index}.c2ln");
            let report = Report::Receipt { receipt };
            self.report(
                from + 2_700 + i64::from(index) * 40,
                number,
                1,
                index,
                report,
            )
            .await;
        }
        self.complete(from + 2_830, number, None).await;
        let activated = KeyEvent::KeyActivated {
            public_key: point(number),
            chain_code: Hex([0xc0 ^ small(number); 32]),
            receipts: (1..=3)
                .map(|index| format!("eyJ0eXAiOiJjb3VudGVyc2lnbi1yZWNlaXB0K2p3dCJ9.{index}.c2ln"))
                .collect(),
        };
        self.append(from + 2_840, "coordinator", &stream, &activated)
            .await;
    }

    /// A signature as it should be.
    pub(crate) async fn sign(&self, from: i64, number: u32, signers: [u8; 2]) {
        self.create(from, number, SessionKind::Sign, &signers).await;
        self.join(from + 9, number, signers[0]).await;
        self.join(from + 13, number, signers[1]).await;
        self.start(from + 13, number, 1, &signers).await;
        self.rounds(from + 14, number, 1, &signers);
        self.signed(from + 44, number, 1, signers[0]).await;
    }

    /// One that a party was silent in, and that another one helped to its end.
    async fn retried(&self, from: i64, number: u32) {
        self.create(from, number, SessionKind::Sign, &[1, 3]).await;
        self.join(from + 400, number, 1).await;
        self.join(from + 900, number, 3).await;
        self.start(from + 900, number, 1, &[1, 3]).await;
        for (index, phase, ms) in [
            (1, Phase::Round(1), 920),
            (3, Phase::Round(1), 990),
            (3, Phase::Round(2), 1_900),
            (1, Phase::Round(2), 1_700),
        ] {
            self.progress(number, 1, index, phase, from + ms);
        }
        let failed = SessionEvent::AttemptFailed {
            attempt: 1,
            reason: AttemptFailure::Silence { round: 2 },
            culprits: vec![party(3)],
            reporter: Some(party(1)),
            detail: "nothing came from party-3 in round 2".into(),
            next: vec![party(1), party(2)],
        };
        self.say(from + 7_000, number, &failed).await;
        self.join(from + 7_300, number, 1).await;
        self.join(from + 8_100, number, 2).await;
        self.start(from + 8_100, number, 2, &[1, 2]).await;
        for (index, phase, ms) in [
            (1, Phase::Round(1), 8_120),
            (2, Phase::Round(1), 8_150),
            (1, Phase::Round(2), 8_900),
            (2, Phase::Round(2), 8_950),
            (1, Phase::Round(3), 9_700),
            (2, Phase::Round(3), 9_600),
            (1, Phase::Done, 10_350),
            (2, Phase::Done, 10_400),
        ] {
            self.progress(number, 2, index, phase, from + ms);
        }
        self.signed(from + 10_420, number, 2, 1).await;
    }

    async fn failed(&self, from: i64, number: u32) {
        self.create(from, number, SessionKind::Sign, &[2, 3]).await;
        for attempt in 1..=3 {
            let begin = from + i64::from(attempt - 1) * 5_000;
            self.join(begin + 200, number, 2).await;
            let failed = SessionEvent::AttemptFailed {
                attempt,
                reason: AttemptFailure::NotReady,
                culprits: vec![party(3)],
                reporter: None,
                detail: String::new(),
                next: if attempt < 3 {
                    vec![party(2), party(3)]
                } else {
                    vec![]
                },
            };
            self.say(begin + 5_000, number, &failed).await;
        }
        let failed = SessionEvent::SessionFailed {
            reason: FailureReason::AttemptsExhausted,
            detail: "3 attempts, the last one not ready in time: party-3".into(),
        };
        self.say(from + 15_000, number, &failed).await;
    }

    async fn running(&self, from: i64, number: u32) {
        self.create(from, number, SessionKind::Sign, &[1, 2]).await;
        self.join(from + 110, number, 1).await;
        self.join(from + 150, number, 2).await;
        self.start(from + 150, number, 1, &[1, 2]).await;
        self.progress(number, 1, 1, Phase::Round(1), from + 155);
        self.progress(number, 1, 2, Phase::Round(1), from + 170);
        self.progress(number, 1, 1, Phase::Round(2), from + 300);
    }

    fn rounds(&self, from: i64, number: u32, attempt: u32, signers: &[u8]) {
        for (place, index) in signers.iter().enumerate() {
            let late = place as i64 * 2;
            for (round, ms) in [(1, 0), (2, 9), (3, 19)] {
                self.progress(
                    number,
                    attempt,
                    *index,
                    Phase::Round(round),
                    from + ms + late,
                );
            }
            self.progress(number, attempt, *index, Phase::Done, from + 28 + late);
        }
    }

    /// A session under the first key.
    pub(crate) async fn create(&self, from: i64, number: u32, kind: SessionKind, signers: &[u8]) {
        let of_key = if kind == SessionKind::Keygen {
            key(number)
        } else {
            key(1 + number % 2)
        };
        let sign = (kind == SessionKind::Sign).then(|| SignRequest {
            path: "m/44/60/0/0/7".parse().expect("a path"),
            public_key: point(number),
            digest: Hex([0xa0 ^ small(number); 32]),
            hash: Some(countersign_domain::digest::HashScheme::Keccak256),
        });
        let invite = |member| Invitee {
            member,
            token_hash: Hex([0x70; 32]),
        };
        let session = Box::new(NewSession {
            session: session(number),
            kind,
            account: account_id(1),
            key: of_key,
            engine: EngineId::Dkls23,
            quorum: quorum(),
            epoch: 1,
            intent: "eyJhbGciOiJFZERTQSJ9.e30.c2ln".into(),
            intent_hash: Hex([1; 32]),
            auth_key: auth_signer(1).public().thumbprint(),
            roster: fingerprint(&members()),
            sign,
            participants: members().into_iter().map(invite).collect(),
            signers: signers.iter().map(|index| party(*index)).collect(),
            max_attempts: 3,
            ready_timeout_ms: 5_000,
            attempt_timeout_ms: 10_000,
            expires_at: at(from + 60_000),
        });
        let created = SessionEvent::SessionCreated { session };
        self.append(from, &asker(1), &stream(number), &created)
            .await;
    }

    async fn join(&self, at: i64, number: u32, index: u8) {
        let device = DeviceInfo {
            name: "countersign".into(),
            version: "0.1.0".into(),
        };
        let party = party(index);
        let actor = format!("party:{party}");
        let joined = SessionEvent::ParticipantJoined {
            party: party.clone(),
            device,
        };
        self.append(at, &actor, &stream(number), &joined).await;
        let ready = SessionEvent::ParticipantReady { party };
        self.append(at, &actor, &stream(number), &ready).await;
    }

    async fn start(&self, at: i64, number: u32, attempt: u32, signers: &[u8]) {
        let signers = signers.iter().map(|index| party(*index)).collect();
        let started = SessionEvent::SessionStarted { attempt, signers };
        self.say(at, number, &started).await;
    }

    async fn report(&self, at: i64, number: u32, attempt: u32, index: u8, report: Report) {
        let party = party(index);
        let actor = format!("party:{party}");
        let reported = SessionEvent::ParticipantReported {
            party,
            attempt,
            report,
        };
        self.append(at, &actor, &stream(number), &reported).await;
    }

    async fn signed(&self, at: i64, number: u32, attempt: u32, index: u8) {
        let signature = signature(number);
        self.report(at, number, attempt, index, Report::Signature { signature })
            .await;
        self.complete(at, number, Some(signature)).await;
    }

    async fn complete(&self, at: i64, number: u32, signature: Option<Signature>) {
        let completed = SessionEvent::SessionCompleted {
            public_key: point(number),
            signature,
        };
        self.say(at, number, &completed).await;
    }
}
