//! Session events, folded.

use countersign_domain::ids::KeyId;
use countersign_domain::session::{
    AttemptFailure, DeviceInfo, FailureReason, ParticipantStatus, Report, SessionEvent,
    SessionKind, SessionStatus,
};
use countersign_domain::signature::Signature;
use countersign_event_store::StreamId;
use countersign_projections::sessions::{SessionRow, apply};

use crate::support::{envelope, new_session, party, public_key, session_id};
use crate::world::signature;

fn created(kind: SessionKind) -> SessionEvent {
    let session = session_id(1);
    SessionEvent::SessionCreated {
        session: Box::new(new_session(kind, session, KeyId::of(session))),
    }
}

pub(crate) fn joined(index: u8) -> [SessionEvent; 2] {
    let device = DeviceInfo {
        name: "countersign".into(),
        version: "0.1.0".into(),
    };
    let party = party(index);
    [
        SessionEvent::ParticipantJoined {
            party: party.clone(),
            device,
        },
        SessionEvent::ParticipantReady { party },
    ]
}

pub(crate) fn started(attempt: u32, signers: &[u8]) -> SessionEvent {
    let signers = signers.iter().copied().map(party).collect();
    SessionEvent::SessionStarted { attempt, signers }
}

pub(crate) fn failed(
    attempt: u32,
    reason: AttemptFailure,
    culprit: u8,
    next: &[u8],
) -> SessionEvent {
    SessionEvent::AttemptFailed {
        attempt,
        reason,
        culprits: vec![party(culprit)],
        reporter: Some(party(1)),
        detail: "nothing came".into(),
        next: next.iter().copied().map(party).collect(),
    }
}

pub(crate) fn reported(index: u8, attempt: u32, signature: Signature) -> SessionEvent {
    SessionEvent::ParticipantReported {
        party: party(index),
        attempt,
        report: Report::Signature { signature },
    }
}

pub(crate) fn running() -> Vec<SessionEvent> {
    let mut events = vec![created(SessionKind::Sign)];
    events.extend(joined(1));
    events.extend(joined(2));
    events.push(started(1, &[1, 2]));
    events
}

fn fold(events: &[SessionEvent]) -> Option<SessionRow> {
    let id = session_id(1);
    let mut row = None;
    for (number, event) in (1..).zip(events) {
        let envelope = envelope(number * 10, StreamId::new("session", id), number, event);
        apply(&mut row, id, &envelope.recorded(), event);
    }
    row
}

#[test]
fn a_created_sign_session() {
    let row = fold(&[created(SessionKind::Sign)]).expect("a row");
    insta::assert_json_snapshot!(row.view.in_all_forms());
}

#[test]
fn a_signature_in_the_second_attempt_with_a_spare() {
    let mut events = running();
    events.push(failed(1, AttemptFailure::Silence { round: 2 }, 2, &[1, 3]));
    events.extend(joined(3));
    events.push(started(2, &[1, 3]));
    events.push(reported(3, 2, signature()));
    events.push(SessionEvent::SessionCompleted {
        public_key: public_key(),
        signature: Some(signature()),
    });
    let row = fold(&events).expect("a row");
    insta::assert_json_snapshot!(row.view.in_all_forms());
}

#[test]
fn a_failed_session_tells_why_and_stays_at_its_last_attempt() {
    let mut events = running();
    events.push(failed(1, AttemptFailure::Cheating, 2, &[]));
    events.push(SessionEvent::SessionFailed {
        reason: FailureReason::NotEnoughParties,
        detail: "attempt 1 failed: cheating — party-2".into(),
    });
    let view = fold(&events).expect("a row").view;
    assert_eq!(view.attempt, 1);
    assert_eq!(view.participants[1].status, ParticipantStatus::Excluded);
    insta::assert_json_snapshot!(view);
}

#[test]
fn a_party_that_is_asked_again_has_to_join_again() {
    let mut events = running();
    events.push(failed(1, AttemptFailure::Silence { round: 1 }, 2, &[1, 2]));
    let view = fold(&events).expect("a row").view;
    assert_eq!(view.status, SessionStatus::Waiting);
    assert_eq!(view.attempt, 2);
    let silent = &view.participants[1];
    assert_eq!(silent.status, ParticipantStatus::Invited);
    assert_eq!((silent.joined_at, &silent.device), (None, &None));
    let other = &view.participants[0];
    assert_eq!(other.status, ParticipantStatus::Ready);
    assert!(other.joined_at.is_some() && other.device.is_some());
}

#[test]
fn a_result_of_a_failed_attempt_does_not_count_for_the_next() {
    let mut events = vec![created(SessionKind::Keygen)];
    (1..=3).for_each(|index| events.extend(joined(index)));
    events.push(started(1, &[1, 2, 3]));
    events.push(SessionEvent::ParticipantReported {
        party: party(1),
        attempt: 1,
        report: Report::Receipt {
            receipt: "a.receipt.jws".into(),
        },
    });
    let completed = |events: &[_]| fold(events).expect("a row").view.participants[0].completed_at;
    assert!(completed(&events).is_some());
    events.push(failed(1, AttemptFailure::Timeout, 3, &[1, 2, 3]));
    assert_eq!(completed(&events), None);
}

#[test]
fn a_generated_key_shows_its_public_key_and_address() {
    let mut events = vec![created(SessionKind::Keygen)];
    let before = fold(&events).expect("a row").view;
    assert_eq!((before.public_key, before.ethereum_address), (None, None));
    (1..=3).for_each(|index| events.extend(joined(index)));
    events.push(started(1, &[1, 2, 3]));
    events.push(SessionEvent::SessionCompleted {
        public_key: public_key(),
        signature: None,
    });
    let view = fold(&events).expect("a row").view;
    assert_eq!(view.public_key, Some(public_key()));
    let address = countersign_domain::signature::ethereum_address(&public_key());
    assert_eq!(view.ethereum_address.as_deref(), address.ok().as_deref());
}

#[test]
fn nothing_happens_to_a_session_that_is_over() {
    let mut events = running();
    events.push(SessionEvent::SessionExpired {});
    let row = fold(&events);
    assert_eq!(
        row.as_ref().map(|r| r.view.status),
        Some(SessionStatus::Expired)
    );
    events.push(reported(1, 1, signature()));
    events.push(SessionEvent::SessionCompleted {
        public_key: public_key(),
        signature: Some(signature()),
    });
    assert_eq!(fold(&events), row);
}

#[test]
fn no_row_repeats_the_intent_once_the_session_is_over() {
    let open = serde_json::to_string(&fold(&running())).expect("JSON");
    assert!(open.contains("an.intent.jws"), "the aggregate has it");
    let view = fold(&running()).map(|row| row.view);
    let view = serde_json::to_string(&view).expect("JSON");
    assert!(!view.contains("an.intent.jws"));
    let mut events = running();
    events.push(SessionEvent::SessionExpired {});
    let over = serde_json::to_string(&fold(&events)).expect("JSON");
    assert!(!over.contains("an.intent.jws"));
}

#[test]
fn a_row_survives_storage() {
    let mut events = running();
    for _ in 0..2 {
        let row = fold(&events).expect("a row");
        let json = serde_json::to_string(&row).expect("JSON");
        assert_eq!(
            serde_json::from_str::<SessionRow>(&json).expect("a row"),
            row
        );
        events.push(SessionEvent::SessionCompleted {
            public_key: public_key(),
            signature: Some(signature()),
        });
    }
}
