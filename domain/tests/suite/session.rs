//! The session aggregate: creation, joining, and its ends by deadline and by
//! the account.

use countersign_domain::decider::Decider as _;
use countersign_domain::ids::SessionId;
use countersign_domain::intent::Action;
use countersign_domain::session::{
    AttemptFailure, NewSession, ParticipantStatus, Report, Session, SessionCommand, SessionError,
    SessionEvent, SessionKind, SessionStatus, Token, token_hash,
};
use cqrs_es::test::{AggregateTestExecutor, TestFramework};
use zeroize::Zeroizing;

use crate::fixture::{
    alice, and, at, attempt_failed, created, device, digest, group_public_key, in_progress, join,
    joined, keygen, mallory, parties, party, ready, report_signature, reported_signature, sign,
    signing, signing_session, started, timed_out, token, verified,
};

pub(crate) fn given(events: Vec<SessionEvent>) -> AggregateTestExecutor<Session> {
    TestFramework::with(()).given(events)
}

pub(crate) fn session_after(events: &[SessionEvent]) -> Session {
    let mut session = Session::default();
    for event in events {
        session.evolve(event);
    }
    session
}

pub(crate) fn status_of(session: &Session, index: u8) -> ParticipantStatus {
    session.state().unwrap().participants[&party(index)].status
}

fn create(session: NewSession) -> SessionCommand {
    SessionCommand::Create(Box::new(session))
}

/// Every way to end: the events that end a 2-of-3 sign session in progress.
fn ends() -> Vec<(SessionStatus, Vec<SessionEvent>)> {
    let signature = sign(digest());
    vec![
        (
            SessionStatus::Completed,
            vec![
                reported_signature(1, 1, signature),
                SessionEvent::SessionCompleted {
                    public_key: group_public_key(),
                    signature: Some(signature),
                },
            ],
        ),
        (
            SessionStatus::Failed,
            vec![
                attempt_failed(1, AttemptFailure::Engine, &[], Some(1), &[]),
                SessionEvent::SessionFailed {
                    reason: countersign_domain::session::FailureReason::AttemptsExhausted,
                    detail: String::new(),
                },
            ],
        ),
        (
            SessionStatus::Expired,
            vec![SessionEvent::SessionExpired {}],
        ),
        (
            SessionStatus::Cancelled,
            vec![SessionEvent::SessionCancelled {
                intent: "cancel".to_owned(),
            }],
        ),
    ]
}

// ---- create

#[test]
fn a_session_is_created_as_it_was_asked_for() {
    for asked in [keygen(2, 3), signing(2, 3), signing(3, 3)] {
        given(vec![])
            .when(create(asked.clone()))
            .then_expect_events(vec![created(&asked)]);
    }
}

#[test]
fn a_new_session_awaits_its_signers() {
    let session = session_after(&[created(&signing(2, 3))]);
    let state = session.state().unwrap();
    assert_eq!(state.status, SessionStatus::Created);
    assert_eq!(state.attempt, 1);
    assert_eq!(state.signers, parties(&[1, 2]));
    let unready: Vec<_> = state.unready().cloned().collect();
    assert_eq!(unready, parties(&[1, 2]));
    for index in 1..=3 {
        assert_eq!(status_of(&session, index), ParticipantStatus::Invited);
    }
}

#[test]
fn a_session_is_created_once() {
    for (_, end) in ends() {
        given(and(in_progress(&signing(2, 3)), end))
            .when(create(signing(2, 3)))
            .then_expect_error(SessionError::AlreadyCreated);
    }
}

#[test]
fn nothing_is_asked_of_a_session_that_does_not_exist() {
    for command in [
        join(1),
        report_signature(1, 1, sign(digest())),
        timed_out(1, &[]),
        SessionCommand::Expire { now: at(1000) },
        SessionCommand::Cancel(verified(
            &alice(),
            "c",
            Action::Cancel {
                session: signing_session(),
            },
        )),
    ] {
        given(vec![])
            .when(command)
            .then_expect_error(SessionError::NotFound);
    }
}

#[test]
fn a_session_that_does_not_hang_together_is_malformed() {
    let with = |base: NewSession, change: &dyn Fn(&mut NewSession)| {
        let mut changed = base;
        change(&mut changed);
        changed
    };
    let not_indexed = "participants are not indexed 1 to n, each party once";
    let attendance = "the number of signers does not fit the kind and quorum";
    let sign_request = "a sign session, and no other, has a sign request";
    for (malformed, what) in [
        (
            with(signing(2, 3), &|s| s.participants.truncate(2)),
            not_indexed,
        ),
        (
            with(signing(2, 3), &|s| {
                s.participants = signing(2, 4).participants;
            }),
            not_indexed,
        ),
        (
            with(signing(2, 3), &|s| s.participants.swap(0, 1)),
            not_indexed,
        ),
        (
            with(signing(2, 3), &|s| s.participants[0].member.index = 0),
            not_indexed,
        ),
        (
            with(signing(2, 3), &|s| {
                s.participants[2].member.identity = s.participants[0].member.identity.clone();
            }),
            not_indexed,
        ),
        (
            with(signing(2, 3), &|s| s.signers = parties(&[1, 1])),
            "a signer is named twice",
        ),
        (
            with(keygen(2, 3), &|s| s.signers = parties(&[1, 2, 2])),
            "a signer is named twice",
        ),
        (
            with(signing(2, 3), &|s| s.signers = parties(&[1])),
            attendance,
        ),
        (
            with(signing(2, 3), &|s| s.signers = parties(&[1, 2, 3])),
            attendance,
        ),
        (
            with(keygen(2, 3), &|s| s.signers = parties(&[1, 2])),
            attendance,
        ),
        (
            with(signing(2, 3), &|s| s.signers = parties(&[1, 4])),
            "a signer is not a participant",
        ),
        (with(signing(2, 3), &|s| s.sign = None), sign_request),
        (
            with(keygen(2, 3), &|s| s.sign = signing(2, 3).sign),
            sign_request,
        ),
        (
            with(signing(2, 3), &|s| s.max_attempts = 0),
            "there must be at least one attempt",
        ),
    ] {
        given(vec![])
            .when(create(malformed))
            .then_expect_error(SessionError::Malformed(what));
    }
}

#[test]
fn more_participants_than_there_are_indices_are_refused() {
    let mut asked = signing(2, 3);
    let third = asked.participants[2].clone();
    asked.participants = (0u16..300)
        .map(|at| {
            let mut invitee = third.clone();
            invitee.member.index = u8::try_from(at % 256).unwrap();
            invitee.member.identity.party = format!("p{at}").parse().unwrap();
            invitee
        })
        .skip(1)
        .collect();
    given(vec![])
        .when(create(asked))
        .then_expect_error(SessionError::Malformed(
            "participants are not indexed 1 to n, each party once",
        ));
}

#[test]
fn everyone_takes_part_in_everything_but_signing() {
    for (kind, attendance) in [
        (SessionKind::Sign, 2),
        (SessionKind::Keygen, 5),
        (SessionKind::Refresh, 5),
        (SessionKind::Recover, 5),
    ] {
        let session = NewSession {
            kind,
            ..signing(2, 5)
        };
        assert_eq!(session.attendance(), attendance, "{kind}");
    }
}

// ---- join and ready

#[test]
fn the_first_to_join_makes_the_session_wait_for_the_others() {
    let history = vec![created(&signing(2, 3))];
    given(history.clone())
        .when(join(1))
        .then_expect_events(vec![joined(1), ready(1)]);
    let session = session_after(&and(history, [joined(1), ready(1)]));
    assert_eq!(session.state().unwrap().status, SessionStatus::Waiting);
    assert_eq!(status_of(&session, 1), ParticipantStatus::Ready);
}

#[test]
fn the_attempt_starts_when_the_last_signer_is_ready() {
    given(vec![created(&signing(2, 3)), joined(1), ready(1)])
        .when(join(2))
        .then_expect_events(vec![joined(2), ready(2), started(1, &[1, 2])]);
    let session = session_after(&in_progress(&signing(2, 3)));
    assert_eq!(session.state().unwrap().status, SessionStatus::InProgress);
    assert_eq!(status_of(&session, 1), ParticipantStatus::Computing);
    assert_eq!(status_of(&session, 2), ParticipantStatus::Computing);
    assert_eq!(status_of(&session, 3), ParticipantStatus::Invited);
}

#[test]
fn key_generation_waits_for_everyone() {
    let two = vec![
        created(&keygen(2, 3)),
        joined(1),
        ready(1),
        joined(3),
        ready(3),
    ];
    given(two)
        .when(join(2))
        .then_expect_events(vec![joined(2), ready(2), started(1, &[1, 2, 3])]);
}

#[test]
fn a_party_may_join_first_and_be_ready_later() {
    let join = |ready| SessionCommand::Join {
        party: party(1),
        token: token(1),
        device: device(),
        ready,
        now: at(1),
    };
    let history = vec![created(&signing(2, 3)), joined(2), ready(2)];
    given(history.clone())
        .when(join(false))
        .then_expect_events(vec![joined(1)]);
    let history = and(history, [joined(1)]);
    given(history.clone())
        .when(join(false))
        .then_expect_events(vec![]);
    given(history)
        .when(join(true))
        .then_expect_events(vec![ready(1), started(1, &[1, 2])]);
}

#[test]
fn a_repeated_join_is_nothing_new() {
    given(vec![created(&signing(2, 3)), joined(1), ready(1)])
        .when(join(1))
        .then_expect_events(vec![]);
    given(in_progress(&signing(2, 3)))
        .when(join(1))
        .then_expect_events(vec![]);
    let history = and(
        in_progress(&keygen(2, 3)),
        [crate::fixture::reported_receipt(1, 1, "receipt".to_owned())],
    );
    given(history).when(join(1)).then_expect_events(vec![]);
}

#[test]
fn a_join_needs_the_partys_own_token() {
    for wrong in [token(2), Zeroizing::new([0; 32])] {
        for history in [
            vec![created(&signing(2, 3))],
            in_progress(&signing(2, 3)),
            and(
                in_progress(&signing(2, 3)),
                [SessionEvent::SessionExpired {}],
            ),
        ] {
            given(history)
                .when(SessionCommand::Join {
                    party: party(1),
                    token: wrong.clone(),
                    device: device(),
                    ready: true,
                    now: at(1),
                })
                .then_expect_error(SessionError::Token(party(1)));
        }
    }
}

#[test]
fn a_token_hash_is_not_a_token() {
    given(vec![created(&signing(2, 3))])
        .when(SessionCommand::Join {
            party: party(1),
            token: Zeroizing::new(token_hash(&token(1)).0),
            device: device(),
            ready: true,
            now: at(1),
        })
        .then_expect_error(SessionError::Token(party(1)));
}

#[test]
fn who_is_not_invited_or_not_selected_does_not_join() {
    given(vec![created(&signing(2, 3))])
        .when(join(4))
        .then_expect_error(SessionError::NotInvited(party(4)));
    given(vec![created(&signing(2, 3))])
        .when(join(3))
        .then_expect_error(SessionError::NotSelected(party(3)));
}

#[test]
fn nobody_joins_a_session_that_ended() {
    for (status, end) in ends() {
        given(and(in_progress(&signing(2, 3)), end))
            .when(join(1))
            .then_expect_error(SessionError::Status(status));
    }
}

#[test]
fn nobody_joins_after_the_deadline() {
    let join_at = |seconds| SessionCommand::Join {
        party: party(1),
        token: token(1),
        device: device(),
        ready: true,
        now: at(seconds),
    };
    given(vec![created(&signing(2, 3))])
        .when(join_at(299))
        .then_expect_events(vec![joined(1), ready(1)]);
    for late in [300, 301] {
        given(vec![created(&signing(2, 3))])
            .when(join_at(late))
            .then_expect_error(SessionError::Expired(at(300)));
    }
}

// ---- expire

#[test]
fn a_session_expires_at_its_deadline_in_any_open_status() {
    for history in [
        vec![created(&signing(2, 3))],
        vec![created(&signing(2, 3)), joined(1)],
        in_progress(&signing(2, 3)),
    ] {
        given(history.clone())
            .when(SessionCommand::Expire { now: at(299) })
            .then_expect_error(SessionError::NotExpired(at(300)));
        given(history)
            .when(SessionCommand::Expire { now: at(300) })
            .then_expect_events(vec![SessionEvent::SessionExpired {}]);
    }
}

#[test]
fn a_session_that_ended_does_not_expire() {
    for (_, end) in ends() {
        given(and(in_progress(&signing(2, 3)), end))
            .when(SessionCommand::Expire { now: at(1000) })
            .then_expect_events(vec![]);
    }
}

// ---- cancel

fn cancel(signer: &countersign_domain::auth_key::AuthSigner, session: SessionId) -> SessionCommand {
    SessionCommand::Cancel(verified(signer, "c", Action::Cancel { session }))
}

#[test]
fn the_account_cancels_its_session_in_any_open_status() {
    let action = Action::Cancel {
        session: signing_session(),
    };
    let intent = verified(&alice(), "c", action).token;
    for history in [
        vec![created(&signing(2, 3))],
        vec![created(&signing(2, 3)), joined(1)],
        in_progress(&signing(2, 3)),
    ] {
        given(history)
            .when(cancel(&alice(), signing_session()))
            .then_expect_events(vec![SessionEvent::SessionCancelled {
                intent: intent.clone(),
            }]);
    }
}

#[test]
fn nobody_else_cancels() {
    given(in_progress(&signing(2, 3)))
        .when(cancel(&mallory(), signing_session()))
        .then_expect_error(SessionError::NotFound);
}

#[test]
fn an_intent_about_something_else_cancels_nothing() {
    let other = SessionId(uuid::Uuid::from_u128(1));
    given(in_progress(&signing(2, 3)))
        .when(cancel(&alice(), other))
        .then_expect_error(SessionError::WrongIntent);
    given(in_progress(&signing(2, 3)))
        .when(SessionCommand::Cancel(verified(
            &alice(),
            "c",
            Action::Suspend,
        )))
        .then_expect_error(SessionError::WrongIntent);
}

#[test]
fn a_session_that_ended_is_not_cancelled() {
    for (status, end) in ends() {
        given(and(in_progress(&signing(2, 3)), end))
            .when(cancel(&alice(), signing_session()))
            .then_expect_error(SessionError::Status(status));
    }
}

// ---- events that make no sense

#[test]
fn what_ended_never_changes() {
    let signature = sign(digest());
    let late = [
        created(&keygen(2, 3)),
        joined(3),
        ready(3),
        started(1, &[1, 2]),
        attempt_failed(1, AttemptFailure::Cheating, &[2], Some(1), &[1, 3]),
        attempt_failed(2, AttemptFailure::Cheating, &[2], Some(1), &[1, 3]),
        reported_signature(2, 1, signature),
        SessionEvent::SessionExpired {},
        SessionEvent::SessionCompleted {
            public_key: group_public_key(),
            signature: None,
        },
    ];
    for (status, end) in ends() {
        let history = and(in_progress(&signing(2, 3)), end);
        let ended = session_after(&history);
        for event in &late {
            let after = session_after(&and(history.clone(), [event.clone()]));
            assert_eq!(after, ended, "{event:?} after {status}");
        }
    }
}

#[test]
fn events_of_another_attempt_change_nothing() {
    let history = in_progress(&keygen(2, 3));
    let before = session_after(&history);
    for event in [
        attempt_failed(2, AttemptFailure::Timeout, &[], None, &[1, 2, 3]),
        SessionEvent::ParticipantReported {
            party: party(1),
            attempt: 2,
            report: Report::Receipt {
                receipt: "receipt".to_owned(),
            },
        },
        joined(1),
        ready(1),
    ] {
        let after = session_after(&and(history.clone(), [event.clone()]));
        assert_eq!(after, before, "{event:?}");
    }
}

#[test]
fn a_status_that_is_final_leads_nowhere() {
    for from in SessionStatus::ALL.into_iter().filter(|s| s.is_final()) {
        for to in SessionStatus::ALL {
            assert!(!from.may_become(to), "{from} to {to}");
        }
    }
}

// ---- what must not be printed

#[test]
fn tokens_and_intents_are_not_printed() {
    assert_eq!(format!("{:?}", join(1)), "Join");
    assert_eq!(
        format!("{:?}", cancel(&alice(), signing_session())),
        "Cancel"
    );
    assert_eq!(format!("{:?}", Token(token(1))), "Token(…)");
    let invitation = countersign_domain::session::SessionInvitation {
        session: signing(2, 3),
        auth_key: alice().public(),
        attempt: 1,
        signers: parties(&[1, 2]),
        token: Token(token(1)),
    };
    let printed = format!("{invitation:?}");
    assert!(!printed.contains(&hex::encode(*token(1))), "{printed}");
    assert!(!printed.contains("the intent"), "{printed}");
    let json = serde_json::to_string(&invitation).unwrap();
    let back: countersign_domain::session::SessionInvitation = serde_json::from_str(&json).unwrap();
    assert_eq!(back.token, invitation.token);
    assert_eq!(back.session, invitation.session);
}
