//! Every stored version of every event, as it stands in the log: what is written
//! once must be read for ever.
//!
//! `tests/golden/<aggregate>/<EventType>.v<version>.json` is the main form of an
//! event, `<EventType>.v<version>.<form>.json` another form of it (a field left
//! out). The files were written by hand from the documented shapes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use countersign_domain::account::AccountEvent;
use countersign_domain::auth_key::{AuthKey, Thumbprint};
use countersign_domain::bytes::{Digest, Hex, PublicKey};
use countersign_domain::decider::StoredEvent;
use countersign_domain::digest::HashScheme;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{AccountId, KeyId, PartyId, SessionId};
use countersign_domain::key::{KeyEvent, KeyFacts};
use countersign_domain::personal::{Personal, PersonalData, Sealed};
use countersign_domain::roster::{Member, PartyIdentity};
use countersign_domain::session::{
    AttemptFailure, DeviceInfo, FailureReason, Invitee, NewSession, Report, SessionEvent,
    SessionKind, SignRequest,
};
use countersign_domain::signature::Signature;
use cqrs_es::DomainEvent as _;
use serde_json::Value;

use crate::fixture::{hex_bytes, quorum};

/// Names every variant of an event. The match has no `_`, so a variant that is
/// not listed here does not compile, and one that is listed needs its file.
macro_rules! every_variant {
    ($events:ident: $($variant:ident)+) => {{
        fn _is_listed(event: &$events) {
            match event {
                $($events::$variant { .. } => (),)+
            }
        }
        [$(stringify!($variant)),+]
    }};
}

/// The generator of secp256k1 (SEC 2, 2.4.1).
const G_X: &str = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
const G_Y: &str = "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8";
/// The Ed25519 key of RFC 8037, appendix A.2.
const ED25519: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// Forms from before the present ones.
const BEFORE: [&str; 1] = ["AccountRegistered.v1.json"];

const JWS: &str = "header.claims.signature";

fn folder(aggregate: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(aggregate)
}

/// The file's name of an event in its main form, or in the form `.form`.
fn file_name(event: &impl StoredEvent, form: &str) -> String {
    format!("{}.v{}{form}.json", event.name(), event.version())
}

fn check<E: StoredEvent>(aggregate: &str, variants: &[&str], events: &[(E, &str)]) {
    let mut expected = BTreeSet::new();
    for (event, form) in events {
        let file = file_name(event, form);
        let text = fs::read_to_string(folder(aggregate).join(&file))
            .unwrap_or_else(|error| panic!("{aggregate}/{file}: {error}"));
        let golden: Value = serde_json::from_str(&text).unwrap();
        let decoded: E = serde_json::from_value(golden.clone())
            .unwrap_or_else(|error| panic!("{aggregate}/{file} does not decode: {error}"));
        assert_eq!(decoded, *event, "{aggregate}/{file}");
        assert_eq!(
            serde_json::to_value(event).unwrap(),
            golden,
            "{aggregate}/{file}"
        );
        assert_eq!(golden["type"], event.name(), "{aggregate}/{file}");
        expected.insert(file);
    }
    // What the event store brings up to the present form is read by its own tests.
    expected.extend(
        BEFORE
            .map(str::to_owned)
            .into_iter()
            .filter(|_| aggregate == "account"),
    );
    let found: BTreeSet<_> = fs::read_dir(folder(aggregate))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, expected, "files that no test reads, or the reverse");
    assert_eq!(E::NAMES, variants, "the names of all events");
    for variant in variants {
        let has_file = |(event, form): &(E, &str)| event.name() == *variant && form.is_empty();
        assert!(events.iter().any(has_file), "{variant} has no golden file");
    }
}

fn jws() -> String {
    JWS.to_owned()
}

fn named(party: &str) -> PartyId {
    party.parse().unwrap()
}

fn ed25519() -> AuthKey {
    let key = ed25519_dalek::VerifyingKey::from_bytes(&hex_bytes(ED25519)).unwrap();
    AuthKey::Ed25519(key)
}

fn secp256k1() -> AuthKey {
    let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(&generator().0).unwrap();
    AuthKey::Secp256k1(key)
}

fn generator() -> PublicKey {
    // y is even.
    assert!(G_Y.ends_with('8'));
    Hex(hex_bytes(&format!("02{G_X}")))
}

fn thumbprint() -> Thumbprint {
    // RFC 8037, appendix A.3: the thumbprint of the key above.
    serde_json::from_str("\"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k\"").unwrap()
}

fn account() -> AccountId {
    "0b9f4c62-7d1e-5a34-b8c0-2e6f5d4a3b19".parse().unwrap()
}

fn key() -> KeyId {
    "5f1d7a3e-0c52-5b7f-8a31-9d2c1e4b6a70".parse().unwrap()
}

fn session() -> SessionId {
    "c3a8e1d5-6b40-5f92-9e77-1a2b3c4d5e6f".parse().unwrap()
}

fn digest(byte: u8) -> Digest {
    Hex([byte; 32])
}

fn members() -> Vec<Member> {
    (1u8..)
        .zip(["alpha", "beta", "gamma-3"])
        .map(|(index, party)| Member {
            index,
            identity: PartyIdentity {
                party: named(party),
                sign_key: digest(0x10 + index),
                seal_key: digest(0x20 + index),
            },
        })
        .collect()
}

fn new_session() -> NewSession {
    NewSession {
        session: session(),
        kind: SessionKind::Sign,
        account: account(),
        key: key(),
        engine: EngineId::Dkls23,
        quorum: quorum(2, 3),
        epoch: 4,
        intent: jws(),
        intent_hash: digest(0xd1),
        auth_key: thumbprint(),
        roster: digest(0xa5),
        sign: Some(SignRequest {
            path: "m/44/60/0/0/7".parse().unwrap(),
            public_key: generator(),
            digest: digest(0xe2),
            hash: Some(HashScheme::Eip191),
        }),
        participants: members()
            .into_iter()
            .map(|member| Invitee {
                token_hash: digest(0x30 + member.index),
                member,
            })
            .collect(),
        signers: vec![named("alpha"), named("gamma-3")],
        max_attempts: 3,
        ready_timeout_ms: 10_000,
        attempt_timeout_ms: 30_000,
        expires_at: crate::fixture::at(300),
    }
}

fn signature() -> Signature {
    Signature {
        r: digest(0x1a),
        s: digest(0x2b),
        v: 1,
    }
}

fn receipts() -> Vec<String> {
    ["r.1.a", "r.2.b", "r.3.c"].map(str::to_owned).to_vec()
}

#[test]
fn every_account_event_is_read_and_written_as_it_is_stored() {
    let variants = every_variant!(AccountEvent:
        AccountRegistered AccountSuspended AccountReactivated AccountLocked AccountClosed
        AccountErased AuthKeyRotated GuardiansAppointed
        RecoveryStarted RecoveryApproved RecoveryCompleted RecoveryCancelled);
    let events = [
        AccountEvent::AccountRegistered {
            personal: Personal::Sealed(Sealed(b"\x01nonce and ciphertext".to_vec())),
            auth_key: ed25519(),
            quorum: quorum(2, 3),
        },
        AccountEvent::AccountSuspended { intent: jws() },
        AccountEvent::AccountReactivated { intent: jws() },
        AccountEvent::AccountLocked {
            reason: "court order".to_owned(),
        },
        AccountEvent::AccountClosed { intent: jws() },
        AccountEvent::AccountErased { intent: jws() },
        AccountEvent::AuthKeyRotated {
            auth_key: secp256k1(),
            intent: jws(),
        },
        AccountEvent::GuardiansAppointed {
            guardians: vec![ed25519(), secp256k1()],
            threshold: 2,
            intent: jws(),
        },
        AccountEvent::RecoveryStarted {
            auth_key: secp256k1(),
            intent: jws(),
        },
        AccountEvent::RecoveryApproved { intent: jws() },
        AccountEvent::RecoveryCompleted {},
        AccountEvent::RecoveryCancelled { intent: jws() },
    ];
    let open = AccountEvent::AccountRegistered {
        personal: Personal::Open(PersonalData {
            username: "alice".to_owned(),
            email: "alice@example.com".to_owned(),
            intent: jws(),
        }),
        auth_key: ed25519(),
        quorum: quorum(2, 3),
    };
    let mut events: Vec<_> = events.into_iter().map(|event| (event, "")).collect();
    events.push((open, ".open"));
    check("account", &variants, &events);
}

#[test]
fn every_key_event_is_read_and_written_as_it_is_stored() {
    let variants = every_variant!(KeyEvent:
        KeyRequested KeyActivated KeyFrozen KeyUnfrozen SharesRefreshed PairBanned KeyRetired);
    let events = [
        KeyEvent::KeyRequested {
            facts: KeyFacts {
                key: key(),
                account: account(),
                session: session(),
                engine: EngineId::Dkls23,
                quorum: quorum(2, 3),
                members: members(),
                roster: digest(0xa5),
                auth_key: thumbprint(),
            },
            intent: jws(),
        },
        KeyEvent::KeyActivated {
            public_key: generator(),
            chain_code: digest(0xcc),
            receipts: receipts(),
        },
        KeyEvent::KeyFrozen { intent: jws() },
        KeyEvent::KeyUnfrozen { intent: jws() },
        KeyEvent::SharesRefreshed {
            epoch: 2,
            receipts: receipts(),
        },
        KeyEvent::PairBanned {
            reporter: named("alpha"),
            culprit: named("gamma-3"),
        },
        KeyEvent::KeyRetired {
            reason: "its generation was expired".to_owned(),
        },
    ];
    check("key", &variants, &events.map(|event| (event, "")));
}

#[test]
fn every_session_event_is_read_and_written_as_it_is_stored() {
    let variants = every_variant!(SessionEvent:
        SessionCreated ParticipantJoined ParticipantReady SessionStarted AttemptFailed
        ParticipantReported SessionCompleted SessionFailed SessionExpired SessionCancelled);
    let keygen = NewSession {
        kind: SessionKind::Keygen,
        epoch: 1,
        sign: None,
        signers: members().into_iter().map(|m| m.identity.party).collect(),
        ..new_session()
    };
    let created = |session| SessionEvent::SessionCreated {
        session: Box::new(session),
    };
    let reported = |report| SessionEvent::ParticipantReported {
        party: named("alpha"),
        attempt: 2,
        report,
    };
    let events = [
        (created(new_session()), ""),
        (created(keygen), ".keygen"),
        (
            SessionEvent::ParticipantJoined {
                party: named("alpha"),
                device: DeviceInfo {
                    name: "countersign".to_owned(),
                    version: "1.2.3".to_owned(),
                },
            },
            "",
        ),
        (
            SessionEvent::ParticipantReady {
                party: named("alpha"),
            },
            "",
        ),
        (
            SessionEvent::SessionStarted {
                attempt: 1,
                signers: vec![named("alpha"), named("gamma-3")],
            },
            "",
        ),
        (
            SessionEvent::AttemptFailed {
                attempt: 1,
                reason: AttemptFailure::Silence { round: 2 },
                culprits: vec![named("gamma-3")],
                reporter: Some(named("alpha")),
                detail: "no second message".to_owned(),
                next: vec![named("alpha"), named("beta")],
            },
            "",
        ),
        (
            SessionEvent::AttemptFailed {
                attempt: 1,
                reason: AttemptFailure::NotReady,
                culprits: vec![named("gamma-3")],
                reporter: None,
                detail: String::new(),
                next: vec![],
            },
            ".deadline",
        ),
        (
            reported(Report::Signature {
                signature: signature(),
            }),
            "",
        ),
        (
            reported(Report::Receipt {
                receipt: "r.1.a".to_owned(),
            }),
            ".receipt",
        ),
        (
            SessionEvent::SessionCompleted {
                public_key: generator(),
                signature: Some(signature()),
            },
            "",
        ),
        (
            SessionEvent::SessionCompleted {
                public_key: generator(),
                signature: None,
            },
            ".keygen",
        ),
        (
            SessionEvent::SessionFailed {
                reason: FailureReason::ReceiptsDisagree,
                detail: "the receipts differ".to_owned(),
            },
            "",
        ),
        (SessionEvent::SessionExpired {}, ""),
        (SessionEvent::SessionCancelled { intent: jws() }, ""),
    ];
    check("session", &variants, &events);
}

/// The words for kinds and reasons are stored too.
#[test]
fn the_words_inside_events_are_stored_as_these() {
    fn word(value: impl serde::Serialize) -> Value {
        serde_json::to_value(value).unwrap()
    }
    for (kind, expected) in [
        (SessionKind::Keygen, "keygen"),
        (SessionKind::Sign, "sign"),
        (SessionKind::Refresh, "refresh"),
        (SessionKind::Recover, "recover"),
    ] {
        assert_eq!(word(kind), expected);
        assert_eq!(kind.to_string(), expected);
    }
    for (reason, expected) in [
        (FailureReason::AttemptsExhausted, "attempts_exhausted"),
        (FailureReason::NotEnoughParties, "not_enough_parties"),
        (FailureReason::ReceiptsDisagree, "receipts_disagree"),
        (FailureReason::Refused, "refused"),
    ] {
        assert_eq!(word(reason), expected);
    }
    for (failure, expected) in [
        (AttemptFailure::NotReady, "not_ready"),
        (AttemptFailure::Cheating, "cheating"),
        (AttemptFailure::Refused, "refused"),
        (AttemptFailure::Engine, "engine"),
        (AttemptFailure::Timeout, "timeout"),
    ] {
        assert_eq!(word(failure), serde_json::json!({ "kind": expected }));
    }
    for (scheme, expected) in [
        (HashScheme::Keccak256, "keccak256"),
        (HashScheme::Sha256, "sha256"),
        (HashScheme::Sha256d, "sha256d"),
        (HashScheme::Eip191, "eip191"),
    ] {
        assert_eq!(word(scheme), expected);
        assert_eq!(scheme.to_string(), expected);
        assert_eq!(expected.parse(), Ok(scheme));
    }
}

#[test]
fn the_type_and_version_of_the_store_are_those_of_the_event() {
    let event = SessionEvent::SessionExpired {};
    assert_eq!(event.event_type(), "SessionExpired");
    assert_eq!(event.event_version(), "1");
}

#[test]
fn an_account_event_with_an_unknown_field_is_not_read() {
    for json in [
        r#"{"type":"AccountSuspended","intent":"i","by":"operator"}"#,
        r#"{"type":"RecoveryCompleted","by":"operator"}"#,
        r#"{"type":"AccountVanished"}"#,
    ] {
        assert!(
            serde_json::from_str::<AccountEvent>(json).is_err(),
            "{json}"
        );
    }
}

#[test]
fn a_private_key_never_gets_into_an_event() {
    let json = format!(
        r#"{{"type":"AuthKeyRotated","intent":"i","auth_key":
            {{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
              "d":"{}"}}}}"#,
        "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
    );
    assert!(serde_json::from_str::<AccountEvent>(&json).is_err());
}
