//! What sessions say of the parties, and what happened in them.

use countersign_domain::session::{AttemptFailure, SessionEvent};
use countersign_event_store::StreamId;
use countersign_projections::parties::{PartyRows, PartyView, apply};
use countersign_projections::timeline;

use crate::sessions::{failed, joined, reported, running, started};
use crate::support::{envelope, party, public_key, session_id};
use crate::world::signature;

/// A signature by 1 and 3, after 2 was silent.
fn with_a_spare() -> Vec<SessionEvent> {
    let mut events = running();
    events.push(failed(1, AttemptFailure::Silence { round: 2 }, 2, &[1, 3]));
    events.extend(joined(3));
    events.push(started(2, &[1, 3]));
    events.push(reported(3, 2, signature()));
    events.push(SessionEvent::SessionCompleted {
        public_key: public_key(),
        signature: Some(signature()),
    });
    events
}

fn fold(events: &[SessionEvent]) -> PartyRows {
    let id = session_id(1);
    let mut rows = PartyRows::default();
    for (number, event) in (1..).zip(events) {
        let envelope = envelope(number * 10, StreamId::new("session", id), number, event);
        apply(&mut rows, id, &envelope.recorded(), event);
    }
    rows
}

fn view(rows: &PartyRows, index: u8) -> &PartyView {
    &rows.parties[&party(index)].view
}

#[test]
fn a_signature_counts_for_those_who_signed_and_a_failure_for_who_is_to_blame() {
    let rows = fold(&with_a_spare());
    let counts = |index| {
        let view = view(&rows, index);
        (view.sessions_joined, view.signatures, view.attempts_blamed)
    };
    assert_eq!([1, 2, 3].map(counts), [(1, 1, 0), (1, 0, 1), (1, 1, 0)]);
    let blame = view(&rows, 2).last_blame.as_ref().expect("a blame");
    assert_eq!(blame.reason, AttemptFailure::Silence { round: 2 });
    assert_eq!((blame.attempt, blame.session_id), (1, session_id(1)));
    // Events 7 and 12, the ends of what they took part in.
    assert_eq!(view(&rows, 2).last_event_position, 70);
    assert_eq!(view(&rows, 3).last_event_position, 120);
    assert!(rows.running.is_empty());
}

#[test]
fn a_session_whose_rounds_run_keeps_its_signers_until_it_ends() {
    let mut events = running();
    let signers = fold(&events).running.remove(&session_id(1));
    assert_eq!(signers, Some(vec![party(1), party(2)]));
    events.push(SessionEvent::SessionExpired {});
    let rows = fold(&events);
    assert!(rows.running.is_empty());
    assert_eq!(view(&rows, 1).signatures, 0);
}

#[test]
fn the_timeline_of_a_signature_in_the_second_attempt() {
    let id = session_id(1);
    let entries: Vec<_> = (1..)
        .zip(with_a_spare())
        .map(|(number, event)| {
            let envelope = envelope(number * 10, StreamId::new("session", id), number, &event);
            timeline::entry(&envelope.recorded(), &event)
        })
        .map(|it| {
            let text = |name: Option<countersign_projections::Name>| name.unwrap_or_default();
            let attempt = it.attempt.unwrap_or(0);
            (
                it.position,
                it.event_type,
                attempt,
                text(it.party),
                text(it.detail),
            )
        })
        .collect();
    let told: Vec<_> = entries
        .iter()
        .map(|(position, event, attempt, party, detail)| {
            format!("{position} {event} {attempt} {party}: {detail}")
        })
        .collect();
    assert_eq!(
        told,
        [
            "10 SessionCreated 0 : sign, 2-of-3",
            "20 ParticipantJoined 0 party-1: countersign 0.1.0",
            "30 ParticipantReady 0 party-1: ",
            "40 ParticipantJoined 0 party-2: countersign 0.1.0",
            "50 ParticipantReady 0 party-2: ",
            "60 SessionStarted 1 : party-1, party-2",
            "70 AttemptFailed 1 party-1: silent in round 2: party-2 (nothing came)",
            "80 ParticipantJoined 0 party-3: countersign 0.1.0",
            "90 ParticipantReady 0 party-3: ",
            "100 SessionStarted 2 : party-1, party-3",
            "110 ParticipantReported 2 party-3: a signature",
            "120 SessionCompleted 0 : ",
        ]
    );
}

#[test]
fn a_long_story_is_cut_short_between_characters() {
    let event = SessionEvent::AttemptFailed {
        attempt: 1,
        reason: AttemptFailure::Engine,
        culprits: vec![],
        reporter: None,
        detail: "ä\0".repeat(1000),
        next: vec![],
    };
    let envelope = envelope(1, StreamId::new("session", session_id(1)), 1, &event);
    let detail = timeline::entry(&envelope.recorded(), &event)
        .detail
        .expect("a detail");
    assert_eq!(detail.chars().count(), 161);
}
