//! Attempts that fail: who is blamed, who comes in, and when it is over.

use std::collections::BTreeSet;

use countersign_domain::session::{
    AttemptFailure, FailureReason, ParticipantStatus, SessionCommand, SessionError, SessionEvent,
    SessionStatus,
};

use crate::fixture::{
    abort, and, attempt_failed, created, in_progress, join, joined, keygen, pairs, parties, party,
    ready, signing, started, timed_out,
};
use crate::session::{given, session_after, status_of};

const SILENCE: AttemptFailure = AttemptFailure::Silence { round: 2 };

fn failed(reason: FailureReason, detail: &str) -> SessionEvent {
    SessionEvent::SessionFailed {
        reason,
        detail: detail.to_owned(),
    }
}

/// What a 2-of-3 sign session in progress makes of an abort by `p1`.
fn after_abort(reason: AttemptFailure, culprits: &[u8], available: &[u8]) -> Vec<SessionEvent> {
    given(in_progress(&signing(2, 3)))
        .when(abort(1, reason, culprits, available))
        .inspect_result()
        .unwrap()
}

// ---- silence

#[test]
fn a_spare_takes_the_place_of_a_silent_signer() {
    let events = after_abort(SILENCE, &[2], &[3]);
    assert_eq!(events, [attempt_failed(1, SILENCE, &[2], Some(1), &[1, 3])]);
    let session = session_after(&and(in_progress(&signing(2, 3)), events));
    let state = session.state().unwrap();
    assert_eq!(state.status, SessionStatus::Waiting);
    assert_eq!(state.attempt, 2);
    assert_eq!(state.signers, parties(&[1, 3]));
    assert_eq!(status_of(&session, 1), ParticipantStatus::Ready);
    assert_eq!(status_of(&session, 2), ParticipantStatus::Excluded);
    assert_eq!(status_of(&session, 3), ParticipantStatus::Invited);
    assert!(state.excluded.is_empty(), "silence is not for good");
    assert_eq!(state.accusations.silence, pairs(&[(1, 2)]));
    assert!(state.accusations.cheating.is_empty());
}

#[test]
fn the_next_attempt_starts_when_the_spare_is_ready() {
    let history = and(
        in_progress(&signing(2, 3)),
        [attempt_failed(1, SILENCE, &[2], Some(1), &[1, 3])],
    );
    given(history.clone())
        .when(join(3))
        .then_expect_events(vec![joined(3), ready(3), started(2, &[1, 3])]);
    given(history)
        .when(join(2))
        .then_expect_error(SessionError::NotSelected(party(2)));
}

#[test]
fn without_a_spare_the_silent_signer_is_asked_again() {
    let events = after_abort(SILENCE, &[2], &[]);
    assert_eq!(events, [attempt_failed(1, SILENCE, &[2], Some(1), &[1, 2])]);
    let history = and(in_progress(&signing(2, 3)), events);
    let session = session_after(&history);
    assert_eq!(status_of(&session, 1), ParticipantStatus::Ready);
    assert_eq!(status_of(&session, 2), ParticipantStatus::Invited);
    given(history)
        .when(join(2))
        .then_expect_events(vec![joined(2), ready(2), started(2, &[1, 2])]);
}

#[test]
fn the_best_spare_comes_first_and_signers_stand_by_index() {
    let events = given(in_progress(&signing(3, 5)))
        .when(abort(3, SILENCE, &[1], &[5, 4]))
        .inspect_result()
        .unwrap();
    assert_eq!(
        events,
        [attempt_failed(1, SILENCE, &[1], Some(3), &[2, 3, 5])]
    );
}

#[test]
fn signers_stand_by_index_also_where_names_sort_otherwise() {
    // `p10` comes before `p2` by name.
    let events = given(in_progress(&signing(2, 10)))
        .when(abort(2, SILENCE, &[1], &[10]))
        .inspect_result()
        .unwrap();
    assert_eq!(
        events,
        [attempt_failed(1, SILENCE, &[1], Some(2), &[2, 10])]
    );
}

/// Attempt 2 of a 2-of-4 sign session, after `p1` accused `p2`: `p1` and `p3`
/// sign.
fn second_attempt(accusation: AttemptFailure) -> Vec<SessionEvent> {
    and(
        in_progress(&signing(2, 4)),
        [
            attempt_failed(1, accusation, &[2], Some(1), &[1, 3]),
            joined(3),
            ready(3),
            started(2, &[1, 3]),
        ],
    )
}

/// `p1` accuses `p3` in attempt 2.
fn second_abort(reason: AttemptFailure, available: &[u8]) -> SessionCommand {
    SessionCommand::Abort {
        party: party(1),
        attempt: 2,
        reason,
        culprits: parties(&[3]),
        detail: String::new(),
        available: parties(available),
        banned: BTreeSet::new(),
    }
}

#[test]
fn whoever_was_not_blamed_comes_before_whoever_was() {
    given(second_attempt(SILENCE))
        .when(second_abort(SILENCE, &[2, 4]))
        .then_expect_events(vec![attempt_failed(2, SILENCE, &[3], Some(1), &[1, 4])]);
}

#[test]
fn who_accuses_everyone_of_silence_is_left_out_in_the_end() {
    let event = attempt_failed(2, SILENCE, &[3], Some(1), &[2, 3]);
    given(second_attempt(SILENCE))
        .when(second_abort(SILENCE, &[2]))
        .then_expect_events(vec![event.clone()]);
    let session = session_after(&and(second_attempt(SILENCE), [event]));
    assert_eq!(status_of(&session, 1), ParticipantStatus::Ready);
    assert_eq!(status_of(&session, 2), ParticipantStatus::Invited);
    assert_eq!(status_of(&session, 3), ParticipantStatus::Invited);
}

#[test]
fn who_was_said_to_be_silent_is_asked_again_when_nobody_else_is_there() {
    given(second_attempt(SILENCE))
        .when(second_abort(SILENCE, &[]))
        .then_expect_events(vec![attempt_failed(2, SILENCE, &[3], Some(1), &[1, 3])]);
}

#[test]
fn a_signer_that_is_still_ready_from_before_starts_at_once() {
    // p3 was ready for attempt 2, which p2 never came to.
    let history = vec![
        created(&signing(2, 3)),
        joined(1),
        ready(1),
        attempt_failed(1, AttemptFailure::NotReady, &[2], None, &[1, 3]),
        joined(3),
        ready(3),
        started(2, &[1, 3]),
    ];
    given(history)
        .when(SessionCommand::Abort {
            party: party(1),
            attempt: 2,
            reason: AttemptFailure::Engine,
            culprits: vec![],
            detail: String::new(),
            available: vec![],
            banned: BTreeSet::new(),
        })
        .then_expect_events(vec![
            attempt_failed(2, AttemptFailure::Engine, &[], Some(1), &[1, 3]),
            started(3, &[1, 3]),
        ]);
}

// ---- cheating

#[test]
fn who_is_said_to_cheat_does_not_sign_with_the_accuser_again() {
    let events = after_abort(AttemptFailure::Cheating, &[2], &[2, 3]);
    assert_eq!(
        events,
        [attempt_failed(
            1,
            AttemptFailure::Cheating,
            &[2],
            Some(1),
            &[1, 3]
        )]
    );
    let session = session_after(&and(in_progress(&signing(2, 3)), events));
    let state = session.state().unwrap();
    assert_eq!(state.accusations.cheating, pairs(&[(1, 2)]));
    assert!(state.accusations.silence.is_empty());
    // It is one party's word, and may be a lie.
    assert!(state.excluded.is_empty());
    assert_eq!(status_of(&session, 2), ParticipantStatus::Excluded);
    // For whatever other reason the next attempt fails, the pair stays apart.
    for (reason, available, next) in [
        (SILENCE, &[2u8][..], &[2u8, 3][..]),
        (AttemptFailure::Engine, &[2, 4], &[1, 4]),
    ] {
        given(second_attempt(AttemptFailure::Cheating))
            .when(second_abort(reason, available))
            .then_expect_events(vec![attempt_failed(2, reason, &[3], Some(1), next)]);
    }
}

#[test]
fn one_liar_does_not_keep_the_honest_from_signing() {
    // p1 accuses whoever it signs with; p2 and p3 sign without it.
    let event = attempt_failed(2, AttemptFailure::Cheating, &[3], Some(1), &[2, 3]);
    given(second_attempt(AttemptFailure::Cheating))
        .when(second_abort(AttemptFailure::Cheating, &[2]))
        .then_expect_events(vec![event.clone()]);
    let history = and(second_attempt(AttemptFailure::Cheating), [event]);
    given(and(history, [joined(2), ready(2)]))
        .when(join(3))
        .then_expect_events(vec![joined(3), ready(3), started(3, &[2, 3])]);
}

#[test]
fn when_the_accuser_and_the_accused_are_all_there_is_the_session_fails() {
    let events = given(second_attempt(AttemptFailure::Cheating))
        .when(second_abort(AttemptFailure::Cheating, &[]))
        .inspect_result()
        .unwrap();
    assert_eq!(
        events,
        [
            attempt_failed(2, AttemptFailure::Cheating, &[3], Some(1), &[]),
            failed(
                FailureReason::NotEnoughParties,
                "attempt 2 failed: cheating — p3"
            ),
        ]
    );
}

#[test]
fn nobody_is_parted_from_itself() {
    let events = after_abort(AttemptFailure::Cheating, &[1], &[3]);
    let session = session_after(&and(in_progress(&signing(2, 3)), events));
    let accusations = &session.state().unwrap().accusations;
    assert!(accusations.cheating.is_empty());
}

#[test]
fn without_a_spare_a_cheat_ends_the_session() {
    given(in_progress(&signing(2, 3)))
        .when(abort(1, AttemptFailure::Cheating, &[2], &[2]))
        .then_expect_events(vec![
            attempt_failed(1, AttemptFailure::Cheating, &[2], Some(1), &[]),
            failed(
                FailureReason::NotEnoughParties,
                "attempt 1 failed: cheating — p2",
            ),
        ]);
}

#[test]
fn a_cheat_ends_key_generation() {
    given(in_progress(&keygen(2, 3)))
        .when(abort(1, AttemptFailure::Cheating, &[2], &[]))
        .then_expect_events(vec![
            attempt_failed(1, AttemptFailure::Cheating, &[2], Some(1), &[]),
            failed(
                FailureReason::NotEnoughParties,
                "attempt 1 failed: cheating — p2",
            ),
        ]);
}

#[test]
fn banned_pairs_do_not_sign_together() {
    let command = SessionCommand::Abort {
        party: party(1),
        attempt: 1,
        reason: SILENCE,
        culprits: parties(&[2]),
        detail: String::new(),
        available: parties(&[3, 4]),
        banned: pairs(&[(1, 3)]),
    };
    given(in_progress(&signing(2, 4)))
        .when(command)
        .then_expect_events(vec![attempt_failed(1, SILENCE, &[2], Some(1), &[1, 4])]);
}

#[test]
fn when_all_pairs_are_banned_the_session_fails() {
    let command = SessionCommand::Abort {
        party: party(1),
        attempt: 1,
        reason: SILENCE,
        culprits: parties(&[2]),
        detail: String::new(),
        available: parties(&[3]),
        banned: pairs(&[(1, 2), (1, 3), (2, 3)]),
    };
    given(in_progress(&signing(2, 3)))
        .when(command)
        .then_expect_events(vec![
            attempt_failed(1, SILENCE, &[2], Some(1), &[]),
            failed(
                FailureReason::NotEnoughParties,
                "attempt 1 failed: silent in round 2 — p2",
            ),
        ]);
}

#[test]
fn only_signers_of_the_attempt_are_blamed() {
    // Neither a spare, nor a stranger, nor one party twice.
    for blamed in [&[3u8, 2, 4, 2][..], &[2, 3], &[4, 2]] {
        assert_eq!(
            after_abort(AttemptFailure::Cheating, blamed, &[3]),
            [attempt_failed(
                1,
                AttemptFailure::Cheating,
                &[2],
                Some(1),
                &[1, 3]
            )]
        );
    }
}

#[test]
fn nobody_is_accused_of_silence_or_cheating_before_the_rounds() {
    for (history, status) in [
        (vec![created(&signing(2, 3))], SessionStatus::Created),
        (
            vec![created(&signing(2, 3)), joined(1), ready(1)],
            SessionStatus::Waiting,
        ),
    ] {
        for reason in [SILENCE, AttemptFailure::Cheating] {
            given(history.clone())
                .when(abort(1, reason, &[2], &[3]))
                .then_expect_error(SessionError::Status(status));
        }
    }
}

// ---- refusal

#[test]
fn who_refuses_is_never_asked_again() {
    assert_eq!(
        after_abort(AttemptFailure::Refused, &[1], &[1, 3]),
        [attempt_failed(
            1,
            AttemptFailure::Refused,
            &[1],
            Some(1),
            &[2, 3]
        )]
    );
}

#[test]
fn a_refusal_holds_for_the_rest_of_the_session() {
    let history = and(
        in_progress(&signing(2, 3)),
        [
            attempt_failed(1, AttemptFailure::Refused, &[1], Some(1), &[2, 3]),
            joined(3),
            ready(3),
            started(2, &[2, 3]),
        ],
    );
    let session = session_after(&history);
    let excluded = &session.state().unwrap().excluded;
    assert_eq!(*excluded, BTreeSet::from([party(1)]));
    // Rather the silent one again than the one that refused.
    given(history)
        .when(SessionCommand::Abort {
            party: party(2),
            attempt: 2,
            reason: SILENCE,
            culprits: parties(&[3]),
            detail: String::new(),
            available: parties(&[1, 3]),
            banned: BTreeSet::new(),
        })
        .then_expect_events(vec![attempt_failed(2, SILENCE, &[3], Some(2), &[2, 3])]);
}

#[test]
fn a_refusal_speaks_for_the_refuser_alone() {
    for blamed in [&[][..], &[2], &[2, 3]] {
        assert_eq!(
            after_abort(AttemptFailure::Refused, blamed, &[3]),
            [attempt_failed(
                1,
                AttemptFailure::Refused,
                &[1],
                Some(1),
                &[2, 3]
            )]
        );
    }
}

#[test]
fn a_party_may_refuse_before_it_joins() {
    let history = vec![created(&signing(2, 3))];
    let event = attempt_failed(1, AttemptFailure::Refused, &[1], Some(1), &[2, 3]);
    given(history.clone())
        .when(abort(1, AttemptFailure::Refused, &[], &[3]))
        .then_expect_events(vec![event.clone()]);
    let session = session_after(&and(history, [event]));
    assert_eq!(session.state().unwrap().status, SessionStatus::Created);
    assert_eq!(status_of(&session, 1), ParticipantStatus::Excluded);
}

#[test]
fn one_refusal_ends_key_generation() {
    for history in [
        vec![created(&keygen(2, 3))],
        vec![created(&keygen(2, 3)), joined(1), ready(1)],
        in_progress(&keygen(2, 3)),
    ] {
        given(history)
            .when(abort(2, AttemptFailure::Refused, &[], &[]))
            .then_expect_events(vec![
                attempt_failed(1, AttemptFailure::Refused, &[2], Some(2), &[]),
                failed(FailureReason::Refused, "attempt 1 failed: refused — p2"),
            ]);
    }
}

// ---- key generation

#[test]
fn key_generation_is_tried_again_by_the_same_parties() {
    let events = given(in_progress(&keygen(2, 3)))
        .when(abort(1, SILENCE, &[2], &[]))
        .inspect_result()
        .unwrap();
    assert_eq!(
        events,
        [attempt_failed(1, SILENCE, &[2], Some(1), &[1, 2, 3])]
    );
    let session = session_after(&and(in_progress(&keygen(2, 3)), events));
    assert_eq!(status_of(&session, 1), ParticipantStatus::Ready);
    assert_eq!(status_of(&session, 2), ParticipantStatus::Invited);
    assert_eq!(status_of(&session, 3), ParticipantStatus::Ready);
}

#[test]
fn with_nobody_to_blame_the_next_attempt_starts_at_once() {
    for (asked, signers) in [(keygen(2, 3), &[1u8, 2, 3][..]), (signing(2, 3), &[1, 2])] {
        let events = given(in_progress(&asked))
            .when(abort(1, AttemptFailure::Engine, &[], &[3]))
            .inspect_result()
            .unwrap();
        assert_eq!(
            events,
            [
                attempt_failed(1, AttemptFailure::Engine, &[], Some(1), signers),
                started(2, signers),
            ]
        );
        let session = session_after(&and(in_progress(&asked), events));
        assert_eq!(session.state().unwrap().status, SessionStatus::InProgress);
    }
}

// ---- the last attempt

#[test]
fn when_the_attempts_are_exhausted_the_session_fails() {
    let mut asked = signing(2, 3);
    asked.max_attempts = 2;
    let second = and(
        in_progress(&asked),
        [
            attempt_failed(1, AttemptFailure::Engine, &[], Some(1), &[1, 2]),
            started(2, &[1, 2]),
        ],
    );
    let events = given(second.clone())
        .when(timed_out(2, &[3]))
        .inspect_result()
        .unwrap();
    assert_eq!(
        events,
        [
            attempt_failed(2, AttemptFailure::Timeout, &[], None, &[]),
            failed(
                FailureReason::AttemptsExhausted,
                "attempt 2 failed: no result in time"
            ),
        ]
    );
    let session = session_after(&and(second, events));
    let state = session.state().unwrap();
    assert_eq!(state.status, SessionStatus::Failed);
    assert_eq!(state.attempt, 2, "there was no third");
}

#[test]
fn the_detail_of_an_abort_is_kept_short_and_printable() {
    let mut asked = signing(2, 3);
    asked.max_attempts = 1;
    let events = given(in_progress(&asked))
        .when(SessionCommand::Abort {
            party: party(1),
            attempt: 1,
            reason: AttemptFailure::Engine,
            culprits: vec![],
            detail: format!("bad\u{1b}[2J\nproof {}", "é".repeat(500)),
            available: vec![],
            banned: BTreeSet::new(),
        })
        .inspect_result()
        .unwrap();
    let kept = format!("bad[2Jproof {}", "é".repeat(200 - 12));
    assert_eq!(
        events,
        [
            SessionEvent::AttemptFailed {
                attempt: 1,
                reason: AttemptFailure::Engine,
                culprits: vec![],
                reporter: Some(party(1)),
                detail: kept.clone(),
                next: vec![],
            },
            failed(
                FailureReason::AttemptsExhausted,
                &format!("attempt 1 failed: engine fault — {kept}")
            ),
        ]
    );
}

// ---- who may abort

#[test]
fn only_a_signer_of_the_running_attempt_aborts() {
    let engine = AttemptFailure::Engine;
    given(in_progress(&signing(2, 3)))
        .when(abort(3, engine, &[], &[]))
        .then_expect_error(SessionError::NotSelected(party(3)));
    given(in_progress(&signing(2, 3)))
        .when(abort(4, engine, &[], &[]))
        .then_expect_error(SessionError::NotInvited(party(4)));
    let history = and(
        in_progress(&signing(2, 3)),
        [attempt_failed(1, SILENCE, &[2], Some(1), &[1, 3])],
    );
    given(history)
        .when(abort(1, engine, &[], &[]))
        .then_expect_error(SessionError::Attempt {
            asked: 1,
            running: 2,
        });
    let history = and(
        in_progress(&signing(2, 3)),
        [SessionEvent::SessionExpired {}],
    );
    given(history)
        .when(abort(1, engine, &[], &[]))
        .then_expect_error(SessionError::Status(SessionStatus::Expired));
}

// ---- deadlines

#[test]
fn who_is_not_ready_in_time_is_named_and_replaced() {
    let history = vec![created(&signing(2, 3)), joined(1), ready(1), joined(2)];
    given(history)
        .when(timed_out(1, &[1, 3]))
        .then_expect_events(vec![attempt_failed(
            1,
            AttemptFailure::NotReady,
            &[2],
            None,
            &[1, 3],
        )]);
}

#[test]
fn a_session_that_nobody_joined_stays_created_and_asks_again() {
    let history = vec![created(&signing(2, 3))];
    let event = attempt_failed(1, AttemptFailure::NotReady, &[1, 2], None, &[1, 3]);
    given(history.clone())
        .when(timed_out(1, &[3]))
        .then_expect_events(vec![event.clone()]);
    let history = and(history, [event]);
    let session = session_after(&history);
    let state = session.state().unwrap();
    assert_eq!(state.status, SessionStatus::Created);
    assert_eq!(state.attempt, 2);
    assert_eq!(status_of(&session, 1), ParticipantStatus::Invited);
    assert_eq!(status_of(&session, 2), ParticipantStatus::Excluded);
    // And then it comes to its signature after all.
    given(and(history, [joined(3), ready(3)]))
        .when(join(1))
        .then_expect_events(vec![joined(1), ready(1), started(2, &[1, 3])]);
}

#[test]
fn who_is_ready_stays_ready_through_later_attempts() {
    let history = vec![
        created(&signing(2, 3)),
        joined(1),
        ready(1),
        attempt_failed(1, AttemptFailure::NotReady, &[2], None, &[1, 3]),
        // p3 does not come either, p2 does.
        attempt_failed(2, AttemptFailure::NotReady, &[3], None, &[1, 2]),
        joined(2),
    ];
    given(history)
        .when(join(2))
        .then_expect_events(vec![ready(2), started(3, &[1, 2])]);
}

#[test]
fn after_an_attempt_without_any_word_everyone_has_to_show_up_again() {
    let history = in_progress(&signing(2, 3));
    let event = attempt_failed(1, AttemptFailure::Timeout, &[], None, &[1, 2]);
    given(history.clone())
        .when(timed_out(1, &[3]))
        .then_expect_events(vec![event.clone()]);
    let history = and(history, [event]);
    let session = session_after(&history);
    assert_eq!(session.state().unwrap().status, SessionStatus::Waiting);
    assert_eq!(status_of(&session, 1), ParticipantStatus::Invited);
    assert_eq!(status_of(&session, 2), ParticipantStatus::Invited);
    // Who does not is replaced: the lost party is found out.
    given(and(history, [joined(1), ready(1)]))
        .when(timed_out(2, &[3]))
        .then_expect_events(vec![attempt_failed(
            2,
            AttemptFailure::NotReady,
            &[2],
            None,
            &[1, 3],
        )]);
}

#[test]
fn a_deadline_of_another_attempt_or_of_a_session_that_ended_is_nothing() {
    for stale in [0, 2] {
        given(in_progress(&signing(2, 3)))
            .when(timed_out(stale, &[3]))
            .then_expect_events(vec![]);
    }
    for end in [
        SessionEvent::SessionExpired {},
        SessionEvent::SessionCancelled {
            intent: "cancel".to_owned(),
        },
    ] {
        given(and(in_progress(&signing(2, 3)), [end]))
            .when(timed_out(1, &[3]))
            .then_expect_events(vec![]);
    }
}
