//! The course of sessions: phases, attempts, and who was awaited.

use countersign_domain::decider::StoredEvent as _;
use countersign_domain::ids::KeyId;
use countersign_domain::session::{
    AttemptFailure, FailureReason, Report, SessionEvent, SessionKind, SessionStatus,
};
use countersign_event_store::{DecodeError, Decoded, DecodedEvent, Recorded, StreamId};
use countersign_projections::timeline::{
    AwaitedFor, AwaitedOutcome, PhaseKind, SessionCourse, course,
};

use crate::sessions::{failed, joined, reported, started};
use crate::support::{at, new_session, party, public_key, session_id};
use crate::world::signature;

use AwaitedFor::{Join, Ready, Result as Handed};
use AwaitedOutcome::{Came, Missed, NotNeeded, Pending};
use PhaseKind::{Gathering, Results, Rounds};

/// Events, each at its second.
type Story = Vec<(u64, SessionEvent)>;

fn created(kind: SessionKind) -> SessionEvent {
    let session = session_id(1);
    SessionEvent::SessionCreated {
        session: Box::new(new_session(kind, session, KeyId::of(session))),
    }
}

fn join(index: u8, at: u64) -> (u64, SessionEvent) {
    let [join, _] = joined(index);
    (at, join)
}

fn ready(index: u8, at: u64) -> (u64, SessionEvent) {
    let [_, ready] = joined(index);
    (at, ready)
}

fn receipt(index: u8, at: u64) -> (u64, SessionEvent) {
    let report = Report::Receipt {
        receipt: "a.receipt.jws".into(),
    };
    let party = party(index);
    let event = SessionEvent::ParticipantReported {
        party,
        attempt: 1,
        report,
    };
    (at, event)
}

fn recorded(position: u64, seconds: u64, name: &str) -> Recorded {
    Recorded {
        position,
        stream: StreamId::new("session", session_id(1)),
        version: position,
        event_type: name.into(),
        event_version: 1,
        recorded_at: at(seconds),
    }
}

fn decoded(story: &Story) -> Vec<DecodedEvent> {
    let events = (1..)
        .zip(story)
        .map(|(position, (seconds, event))| DecodedEvent {
            recorded: recorded(position, *seconds, event.name()),
            decoded: Ok(Decoded::Session(session_id(1), Box::new(event.clone()))),
        });
    events.collect()
}

fn told(story: &Story, now: u64) -> SessionCourse {
    course(&decoded(story), at(now)).expect("a session")
}

/// The phases: what, in which attempt, from when, how long.
fn phases(course: &SessionCourse) -> Vec<(PhaseKind, u32, u64, f64)> {
    let phases = course.phases.iter().map(|phase| {
        let from = (phase.from - at(0)).num_seconds().unsigned_abs();
        (phase.phase, phase.attempt, from, phase.took_ms)
    });
    phases.collect()
}

/// Who was awaited in a phase: who, for what, how long, and how it ended.
fn awaited(course: &SessionCourse, phase: usize) -> Vec<(&str, AwaitedFor, f64, AwaitedOutcome)> {
    let awaited = course.phases[phase].awaited.iter();
    let awaited = awaited.map(|one| (&*one.party, one.r#for, one.took_ms, one.outcome));
    awaited.collect()
}

/// Both signers get ready after 9 s.
fn gathered() -> Story {
    vec![
        (10, created(SessionKind::Sign)),
        join(1, 12),
        ready(1, 13),
        join(2, 15),
        ready(2, 19),
        (19, started(1, &[1, 2])),
    ]
}

#[test]
fn a_signature_in_the_second_attempt_with_a_spare() {
    let mut story = gathered();
    story.extend([
        (
            30,
            failed(1, AttemptFailure::Silence { round: 2 }, 2, &[1, 3]),
        ),
        join(3, 33),
        ready(3, 34),
        (34, started(2, &[1, 3])),
        (40, reported(3, 2, signature())),
        (
            40,
            SessionEvent::SessionCompleted {
                public_key: public_key(),
                signature: Some(signature()),
            },
        ),
    ]);
    let course = told(&story, 1000);
    assert_eq!(
        phases(&course),
        [
            (Gathering, 1, 10, 9_000.0),
            (Rounds, 1, 19, 11_000.0),
            (Gathering, 2, 30, 4_000.0),
            (Rounds, 2, 34, 6_000.0),
        ]
    );
    assert_eq!(
        awaited(&course, 0),
        [
            ("party-1", Join, 2_000.0, Came),
            ("party-2", Join, 5_000.0, Came),
            ("party-1", Ready, 1_000.0, Came),
            ("party-2", Ready, 4_000.0, Came),
        ]
    );
    assert_eq!(
        awaited(&course, 2),
        [
            ("party-3", Join, 3_000.0, Came),
            ("party-3", Ready, 1_000.0, Came),
        ],
        "party-1 stays ready"
    );
    assert_eq!(course.status, SessionStatus::Completed);
    assert_eq!((course.created_at, course.ended_at), (at(10), Some(at(40))));
    assert_eq!(course.took_ms, 30_000.0);
    let [first, second] = &course.attempts[..] else {
        panic!("{:?}", course.attempts);
    };
    assert_eq!(first.reason, Some(AttemptFailure::Silence { round: 2 }));
    assert_eq!(first.culprits, ["party-2".into()]);
    assert_eq!(first.reporter.as_deref(), Some("party-1"));
    assert_eq!(first.detail.as_deref(), Some("nothing came"));
    assert_eq!(first.signers, ["party-1".into(), "party-2".into()]);
    assert_eq!((first.started_at, first.took_ms), (Some(at(19)), 20_000.0));
    assert_eq!(second.signers, ["party-1".into(), "party-3".into()]);
    assert_eq!(
        (second.started_at, second.took_ms),
        (Some(at(34)), 10_000.0)
    );
    assert_eq!(second.reason, None);
    assert_eq!(course.entries.len(), story.len());
    assert_eq!(course.position, 12);
}

#[test]
fn of_a_key_generation_every_result_is_awaited_from_the_first_one_on() {
    let mut story = vec![(0, created(SessionKind::Keygen))];
    for index in 1..=3 {
        story.extend([join(index, 1), ready(index, 1)]);
    }
    story.extend([
        (1, started(1, &[1, 2, 3])),
        receipt(1, 30),
        receipt(3, 33),
        receipt(2, 35),
        (
            35,
            SessionEvent::SessionCompleted {
                public_key: public_key(),
                signature: None,
            },
        ),
    ]);
    let course = told(&story, 1000);
    assert_eq!(
        phases(&course)[1..],
        [(Rounds, 1, 1, 29_000.0), (Results, 1, 30, 5_000.0)]
    );
    assert_eq!(
        awaited(&course, 2),
        [
            ("party-2", Handed, 5_000.0, Came),
            ("party-3", Handed, 3_000.0, Came),
        ]
    );
}

#[test]
fn who_does_not_come_is_missed_and_who_is_ready_is_not_awaited_again() {
    let story = vec![
        (0, created(SessionKind::Sign)),
        join(1, 1),
        ready(1, 2),
        (5, failed(1, AttemptFailure::NotReady, 2, &[1, 3])),
        join(3, 6),
        (9, SessionEvent::SessionExpired {}),
    ];
    let course = told(&story, 1000);
    assert_eq!(
        phases(&course),
        [(Gathering, 1, 0, 5_000.0), (Gathering, 2, 5, 4_000.0)]
    );
    assert_eq!(awaited(&course, 0)[1], ("party-2", Join, 5_000.0, Missed));
    assert_eq!(
        awaited(&course, 1),
        [
            ("party-3", Join, 1_000.0, Came),
            ("party-3", Ready, 3_000.0, Missed),
        ]
    );
    assert_eq!(course.status, SessionStatus::Expired);
    assert_eq!(course.attempts[0].started_at, None);
    assert_eq!(course.attempts[1].ended_at, Some(at(9)));
}

#[test]
fn after_a_timeout_all_are_awaited_again() {
    let mut story = gathered();
    story.push((29, failed(1, AttemptFailure::Timeout, 3, &[1, 2])));
    let course = told(&story, 31);
    assert_eq!(
        awaited(&course, 2),
        [
            ("party-1", Join, 2_000.0, Pending),
            ("party-2", Join, 2_000.0, Pending),
        ]
    );
}

#[test]
fn an_attempt_that_starts_at_once_has_nothing_to_gather() {
    let mut story = gathered();
    story.extend([
        (25, failed(1, AttemptFailure::Engine, 3, &[1, 2])),
        (25, started(2, &[1, 2])),
    ]);
    let course = told(&story, 26);
    assert_eq!(
        phases(&course),
        [
            (Gathering, 1, 10, 9_000.0),
            (Rounds, 1, 19, 6_000.0),
            (Rounds, 2, 25, 1_000.0),
        ]
    );
    assert_eq!(course.attempts[1].started_at, Some(at(25)));
}

#[test]
fn what_goes_on_has_taken_until_now() {
    let mut story = gathered();
    story.truncate(4);
    let course = told(&story, 20);
    assert_eq!(course.took_ms, 10_000.0);
    assert_eq!(course.ended_at, None);
    assert_eq!(phases(&course), [(Gathering, 1, 10, 10_000.0)]);
    assert_eq!(course.phases[0].until, None);
    assert_eq!(awaited(&course, 0)[3], ("party-2", Ready, 5_000.0, Pending));
    assert_eq!(course.attempts[0].took_ms, 10_000.0);
}

#[test]
fn a_cancelled_session_needed_nobody_any_more() {
    let story = vec![
        (0, created(SessionKind::Sign)),
        (
            3,
            SessionEvent::SessionCancelled {
                intent: "an.intent.jws".into(),
            },
        ),
    ];
    let course = told(&story, 1000);
    assert_eq!(
        awaited(&course, 0)[0],
        ("party-1", Join, 3_000.0, NotNeeded)
    );
}

#[test]
fn a_failed_session_tells_why() {
    let mut story = gathered();
    let reason = FailureReason::NotEnoughParties;
    story.extend([
        (30, failed(1, AttemptFailure::Cheating, 2, &[])),
        (
            30,
            SessionEvent::SessionFailed {
                reason,
                detail: "nobody is left".into(),
            },
        ),
    ]);
    let course = told(&story, 1000);
    let failure = course.failure.as_ref().expect("a failure");
    assert_eq!(
        (failure.reason, &*failure.detail),
        (reason, "nobody is left")
    );
    assert_eq!(course.attempts.len(), 1);
    assert_eq!(course.took_ms, 20_000.0);
}

#[test]
fn nothing_happens_after_the_end_and_no_time_runs_back() {
    let story = vec![
        (10, created(SessionKind::Sign)),
        // By another replica's clock.
        join(1, 8),
        (12, SessionEvent::SessionExpired {}),
    ];
    let over = told(&story, 5);
    assert_eq!(awaited(&over, 0)[0], ("party-1", Join, 0.0, Came));
    let mut after = story;
    after.push(join(2, 13));
    let later = told(&after, 20);
    assert_eq!(later.phases, over.phases);
    assert_eq!(later.attempts, over.attempts);
    assert_eq!(later.entries.len(), 4, "it is told all the same");
}

#[test]
fn an_event_that_is_not_understood_is_named_and_passed_over() {
    let story = gathered();
    let mut events = decoded(&story);
    events.insert(
        1,
        DecodedEvent {
            recorded: recorded(99, 11, "SessionPraised"),
            decoded: Err(DecodeError::StreamId),
        },
    );
    let course = course(&events, at(20)).expect("a session");
    assert_eq!(phases(&course), phases(&told(&story, 20)));
    assert_eq!(&*course.entries[1].event_type, "SessionPraised");
}

#[test]
fn without_its_creation_there_is_no_session() {
    assert!(course(&[], at(0)).is_none());
    let story = gathered();
    assert!(course(&decoded(&story)[1..], at(0)).is_none());
}
