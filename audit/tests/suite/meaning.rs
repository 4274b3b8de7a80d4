//! Logs whose operator signs whatever it likes: every chain and root is right, and
//! what was recorded cannot have happened, or nobody asked for it.

use countersign_audit::verify::{Depth, Fault};
use countersign_domain::account::AccountEvent;
use countersign_domain::intent::Action;
use countersign_domain::key::KeyEvent;
use countersign_domain::session::{FailureReason, SessionEvent};
use countersign_event_store::{Envelope, StreamId};
use serde_json::{Value, json};

use crate::history::{History, account, at, party, signer};
use crate::tampered::{Bundle, heal, pinned};

/// Verifies a log that was signed as it is.
fn verify(mut events: Vec<Envelope>) -> Result<(), Fault> {
    heal(&mut events);
    let bundle = Bundle::of(&events, &[events.len() as u64]);
    bundle.verify(&pinned(), Depth::Meaning).map(|_| ())
}

/// The fault of a history after a change to it.
fn fault(history: &History, change: impl FnOnce(&mut Vec<Envelope>)) -> Fault {
    let mut events = history.events.clone();
    change(&mut events);
    verify(events).expect_err("a fault")
}

fn place(events: &[Envelope], event_type: &str, nth: usize) -> usize {
    let mut places = (0..events.len()).filter(|at| events[*at].event_type == event_type);
    places
        .nth(nth)
        .unwrap_or_else(|| panic!("{event_type} {nth}"))
}

#[test]
fn what_was_never_asked_for_is_found() {
    let history = History::of_everything();
    let cases: &[(&str, usize, &str, Value, &str)] = &[
        (
            "AccountRegistered",
            0,
            "/personal/open/username",
            json!("mallory"),
            "not_intended",
        ),
        (
            "AccountRegistered",
            0,
            "/quorum/threshold",
            json!(3),
            "not_intended",
        ),
        (
            "KeyRequested",
            0,
            "/quorum/threshold",
            json!(3),
            "transition",
        ),
        (
            "KeyRequested",
            0,
            "/members/0/party",
            json!("party-9"),
            "transition",
        ),
        ("KeyRequested", 0, "/auth_key", json!("x"), "field"),
        ("SessionCreated", 0, "/quorum/threshold", json!(3), "field"),
        (
            "SessionCreated",
            1,
            "/sign/digest",
            json!("11".repeat(32)),
            "not_intended",
        ),
        (
            "SessionCreated",
            1,
            "/sign/path",
            json!("m/9"),
            "not_intended",
        ),
        (
            "SessionCreated",
            1,
            "/sign/hash",
            json!("keccak256"),
            "not_intended",
        ),
        (
            "SessionCreated",
            2,
            "/sign/public_key",
            json!("02".repeat(33)),
            "not_intended",
        ),
        (
            "SessionCreated",
            1,
            "/intent_hash",
            json!("11".repeat(32)),
            "not_intended",
        ),
        ("SessionCreated", 1, "/auth_key", json!("x"), "not_intended"),
        ("SessionCreated", 1, "/epoch", json!(2), "transition"),
        (
            "SessionCreated",
            1,
            "/roster",
            json!("11".repeat(32)),
            "field",
        ),
        ("SessionCreated", 1, "/engine", json!("gg20"), "undecodable"),
        (
            "SessionCreated",
            1,
            "/signers",
            json!(["party-1"]),
            "transition",
        ),
        (
            "SessionStarted",
            1,
            "/signers",
            json!(["party-1", "party-3"]),
            "incomplete",
        ),
        ("SessionStarted", 1, "/attempt", json!(2), "incomplete"),
        (
            "KeyActivated",
            0,
            "/public_key",
            json!("02".repeat(33)),
            "incomplete",
        ),
        (
            "KeyActivated",
            0,
            "/chain_code",
            json!("11".repeat(32)),
            "field",
        ),
        (
            "SessionCompleted",
            0,
            "/public_key",
            json!("02".repeat(33)),
            "incomplete",
        ),
        (
            "SessionCompleted",
            1,
            "/signature/v",
            json!(3),
            "incomplete",
        ),
        (
            "AttemptFailed",
            0,
            "/culprits",
            json!(["party-1"]),
            "transition",
        ),
        (
            "AttemptFailed",
            0,
            "/reason",
            json!({"kind": "timeout"}),
            "transition",
        ),
        (
            "AttemptFailed",
            0,
            "/next",
            json!(["party-1", "party-1"]),
            "transition",
        ),
        (
            "AttemptFailed",
            0,
            "/next",
            json!(["party-3"]),
            "transition",
        ),
        ("AttemptFailed", 0, "/next", json!([]), "transition"),
        (
            "AttemptFailed",
            2,
            "/next",
            json!(["party-1", "party-3"]),
            "transition",
        ),
        (
            "AttemptFailed",
            2,
            "/reporter",
            json!("party-2"),
            "transition",
        ),
        (
            "AttemptFailed",
            3,
            "/next",
            json!(["party-1"]),
            "transition",
        ),
        ("PairBanned", 0, "/culprit", json!("party-2"), "incomplete"),
        (
            "ParticipantJoined",
            0,
            "/party",
            json!("party-9"),
            "transition",
        ),
        (
            "ParticipantReady",
            0,
            "/party",
            json!("party-2"),
            "transition",
        ),
        ("SessionFailed", 0, "/reason", json!("refused"), ""),
        (
            "SessionFailed",
            0,
            "/detail",
            json!("because"),
            "incomplete",
        ),
    ];
    for (event_type, nth, field, value, code) in cases {
        let at = place(&history.events, event_type, *nth);
        let found = {
            let mut events = history.events.clone();
            let place = events[at].payload.pointer_mut(field);
            *place.unwrap_or_else(|| panic!("{event_type} has {field}")) = value.clone();
            verify(events)
        };
        if code.is_empty() {
            found.expect("it said so before");
            continue;
        }
        let fault = found.expect_err(field);
        let told = format!("{event_type} {nth} {field}: {fault}");
        assert_eq!(fault.reason.code(), *code, "{told}");
        assert!(fault.position > at as u64, "{told}");
    }
}

#[test]
fn what_is_missing_is_found() {
    let history = History::of_everything();
    let cases = [
        ("AccountRegistered", 0),
        ("KeyRequested", 0),
        ("KeyActivated", 0),
        ("SessionCreated", 0),
        ("SessionCreated", 1),
        ("ParticipantJoined", 0),
        ("ParticipantReady", 1),
        ("SessionStarted", 0),
        ("ParticipantReported", 0),
        ("ParticipantReported", 2),
        ("ParticipantReported", 3),
        ("SessionCompleted", 0),
        ("SessionCompleted", 1),
        ("AttemptFailed", 0),
        ("AttemptFailed", 2),
        ("SessionFailed", 0),
        ("KeyFrozen", 0),
        ("AccountSuspended", 0),
    ];
    for (event_type, nth) in cases {
        let at = place(&history.events, event_type, nth);
        let fault = fault(&history, |events| {
            events.remove(at);
        });
        assert!(fault.position >= at as u64, "{event_type} {nth}: {fault}");
    }
}

#[test]
fn an_append_that_is_cut_off_is_found() {
    let history = History::short();
    let last = history.events.len() - 1;
    assert_eq!(history.events[last].event_type, "SessionCompleted");
    let fault = fault(&history, |events| events.truncate(last));
    assert_eq!(fault.reason.code(), "incomplete");
    assert_eq!(fault.position, last as u64);
    assert!(
        fault
            .to_string()
            .contains("SessionCompleted must come next"),
        "{fault}"
    );
}

#[test]
fn an_intent_is_good_for_one_command_at_its_time() {
    let mut history = History::short();
    history.suspend(1);
    let again = |events: &mut Vec<Envelope>, event_type: &str| {
        let event = events[place(events, event_type, 0)].clone();
        events.push(event);
    };
    let replayed = fault(&history, |events| again(events, "AccountSuspended"));
    assert_eq!(replayed.reason.code(), "used_intent");
    let registered = fault(&history, |events| again(events, "AccountRegistered"));
    assert_eq!(registered.reason.code(), "used_intent");

    let late = fault(&history, |events| {
        let at_place = place(events, "AccountSuspended", 0);
        events[at_place].recorded_at = at(10_000);
    });
    assert_eq!(late.reason.code(), "intent");
    let early = fault(&history, |events| {
        let at_place = place(events, "AccountSuspended", 0);
        events[at_place].recorded_at = at(0) - chrono::Duration::hours(1);
    });
    assert!(
        early.to_string().contains("issued in the future"),
        "{early}"
    );
}

#[test]
fn an_intent_of_another_account_or_kind_authorises_nothing() {
    let mut history = History::default();
    history.register(1);
    history.register(2);
    let with = |number: u8, action: Action, event: fn(String) -> AccountEvent| {
        let mut history = history.clone();
        let token = history.intent(number, action).token;
        history.record(StreamId::new("account", account(1)), &event(token));
        fault(&history, |_| {})
    };
    let suspended = |intent| AccountEvent::AccountSuspended { intent };
    let other = with(2, Action::Suspend, suspended);
    assert_eq!(other.reason.code(), "intent", "{other}");
    let kind = with(1, Action::Reactivate, suspended);
    assert_eq!(kind.reason.code(), "transition", "{kind}");
}

#[test]
fn a_suspended_account_and_a_frozen_key_sign_nothing() {
    let mut history = History::short();
    let key = history.last_key();
    let begun = history.begin_sign(1, key, "m");
    let created = history.events.pop().expect("the session");
    assert_eq!(created.stream.aggregate_id, begun.to_string());
    let mut suspended = history.clone();
    let intent = suspended.intent(1, Action::Suspend).token;
    let stream = StreamId::new("account", account(1));
    suspended.record(stream, &AccountEvent::AccountSuspended { intent });
    let found = fault(&suspended, |events| events.push(created.clone()));
    assert!(
        found.to_string().contains("the account is suspended"),
        "{found}"
    );

    let mut frozen = history.clone();
    let intent = frozen.intent(1, Action::Freeze { key }).token;
    frozen.record(StreamId::new("key", key), &KeyEvent::KeyFrozen { intent });
    let found = fault(&frozen, |events| events.push(created.clone()));
    assert!(found.to_string().contains("the key is frozen"), "{found}");
}

#[test]
fn ends_that_nothing_leads_to_are_found() {
    let mut history = History::short();
    let key = history.last_key();
    let session = history.begin_sign(1, key, "m");
    let public_key = history
        .session_state(session)
        .asked
        .sign
        .as_ref()
        .expect("a sign request")
        .public_key;
    let ends = [
        SessionEvent::SessionCompleted {
            public_key,
            signature: None,
        },
        SessionEvent::SessionFailed {
            reason: FailureReason::Refused,
            detail: String::new(),
        },
        SessionEvent::SessionStarted {
            attempt: 1,
            signers: vec![party(1), party(2)],
        },
        SessionEvent::SessionExpired {},
    ];
    for end in ends {
        let mut history = history.clone();
        history.record(StreamId::new("session", session), &end);
        let fault = fault(&history, |_| {});
        assert_eq!(fault.reason.code(), "transition", "{fault}");
        assert_eq!(fault.position, history.events.len() as u64);
    }
    let mut retired = history.clone();
    let reason = "no use".to_owned();
    retired.record(StreamId::new("key", key), &KeyEvent::KeyRetired { reason });
    assert_eq!(fault(&retired, |_| {}).reason.code(), "incomplete");
    let mut banned = history;
    let (reporter, culprit) = (party(1), party(2));
    let ban = KeyEvent::PairBanned { reporter, culprit };
    banned.record(StreamId::new("key", key), &ban);
    assert_eq!(fault(&banned, |_| {}).reason.code(), "incomplete");
}

#[test]
fn events_without_a_rule_are_refused_by_name() {
    let mut history = History::default();
    history.register(1);
    let stream = || StreamId::new("account", account(1));
    let locked = AccountEvent::AccountLocked {
        reason: "lost".into(),
    };
    let rotated = AccountEvent::AuthKeyRotated {
        auth_key: signer(3).public(),
        intent: String::new(),
    };
    for event in [locked, rotated] {
        let mut history = history.clone();
        history.record(stream(), &event);
        let fault = fault(&history, |_| {});
        assert_eq!(fault.reason.code(), "no_rule", "{fault}");
    }
    let other = fault(&history, |events| {
        events[0].stream = StreamId::new("invoice", account(1));
    });
    assert_eq!(other.reason.code(), "undecodable");
}

#[test]
fn a_receipt_of_another_key_activates_nothing() {
    let history = History::short();
    let other = fault(&history, |events| {
        let at = place(events, "KeyActivated", 0);
        let receipts = events[at].payload["receipts"]
            .as_array_mut()
            .expect("receipts");
        receipts.swap(0, 1);
    });
    assert_eq!(other.reason.code(), "transition", "{other}");
    let missing = fault(&history, |events| {
        let at = place(events, "KeyActivated", 0);
        let receipts = events[at].payload["receipts"]
            .as_array_mut()
            .expect("receipts");
        receipts.pop();
    });
    assert!(
        missing.to_string().contains("2 receipts for 3 parties"),
        "{missing}"
    );
}
