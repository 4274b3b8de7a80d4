//! What signers hand in: signatures and receipts.

use countersign_domain::bytes::Hex;
use countersign_domain::digest::HashScheme;
use countersign_domain::jws::JwsError;
use countersign_domain::receipt::{Receipt, ReceiptError};
use countersign_domain::session::{
    AttemptFailure, FailureReason, NewSession, ParticipantStatus, SessionError, SessionEvent,
    SessionKind, SessionStatus,
};
use countersign_domain::signature::{Signature, SignatureError};

use crate::fixture::{
    and, attempt_failed, created, digest, group_public_key, high_s, identity_key, in_progress,
    joined, keygen, other_statements, party, ready, receipt, report_receipt, report_signature,
    reported_receipt, reported_signature, sign, signing, started, statement,
};
use crate::session::{given, session_after, status_of};

fn completed_by_signature(signature: Signature) -> SessionEvent {
    SessionEvent::SessionCompleted {
        public_key: group_public_key(),
        signature: Some(signature),
    }
}

fn failed(detail: String) -> SessionEvent {
    SessionEvent::SessionFailed {
        reason: FailureReason::ReceiptsDisagree,
        detail,
    }
}

/// A 2-of-3 key generation to which all but the last party have handed in
/// these receipts.
fn receipts_in(receipts: &[String]) -> Vec<SessionEvent> {
    let reports = (1u8..)
        .zip(receipts)
        .map(|(index, receipt)| reported_receipt(index, 1, receipt.clone()));
    and(in_progress(&keygen(2, 3)), reports)
}

// ---- signatures

#[test]
fn a_signature_of_any_signer_completes_the_session() {
    let signature = sign(digest());
    for signer in [1, 2] {
        given(in_progress(&signing(2, 3)))
            .when(report_signature(signer, 1, signature))
            .then_expect_events(vec![
                reported_signature(signer, 1, signature),
                completed_by_signature(signature),
            ]);
    }
    let session = session_after(&and(
        in_progress(&signing(2, 3)),
        [
            reported_signature(1, 1, signature),
            completed_by_signature(signature),
        ],
    ));
    let state = session.state().unwrap();
    assert_eq!(state.status, SessionStatus::Completed);
    assert_eq!(state.signature, Some(signature));
    assert_eq!(status_of(&session, 1), ParticipantStatus::Completed);
}

#[test]
fn the_second_signers_report_of_a_signature_that_is_there_is_nothing_new() {
    let signature = sign(digest());
    let history = and(
        in_progress(&signing(2, 3)),
        [
            reported_signature(1, 1, signature),
            completed_by_signature(signature),
        ],
    );
    for (reporter, attempt) in [(1, 1), (2, 1), (2, 7)] {
        given(history.clone())
            .when(report_signature(reporter, attempt, signature))
            .then_expect_events(vec![]);
    }
    // Nor is a wrong one: it is not looked at.
    given(history.clone())
        .when(report_signature(2, 1, high_s(signature)))
        .then_expect_events(vec![]);
    given(history)
        .when(report_signature(4, 1, signature))
        .then_expect_error(SessionError::Status(SessionStatus::Completed));
}

#[test]
fn a_wrong_signature_completes_nothing() {
    let good = sign(digest());
    let order = Hex(crate::fixture::hex_bytes(
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
    ));
    let zero = Hex([0; 32]);
    for (wrong, error) in [
        (
            sign(HashScheme::Sha256.digest(b"two coins to bob")),
            SignatureError::Invalid,
        ),
        (high_s(good), SignatureError::HighS),
        (
            Signature {
                v: good.v,
                ..high_s(good)
            },
            SignatureError::HighS,
        ),
        (
            Signature {
                v: good.v ^ 1,
                ..good
            },
            SignatureError::RecoveryId,
        ),
        (Signature { v: 2, ..good }, SignatureError::RecoveryId),
        (Signature { v: 27, ..good }, SignatureError::RecoveryId),
        (Signature { r: zero, ..good }, SignatureError::Range),
        (Signature { s: zero, ..good }, SignatureError::Range),
        (Signature { r: order, ..good }, SignatureError::Range),
        (Signature { s: order, ..good }, SignatureError::Range),
    ] {
        given(in_progress(&signing(2, 3)))
            .when(report_signature(1, 1, wrong))
            .then_expect_error(SessionError::Signature(error));
    }
}

#[test]
fn a_public_key_that_is_no_point_verifies_nothing() {
    let mut asked = signing(2, 3);
    asked.sign.as_mut().unwrap().public_key = Hex([5; 33]);
    given(in_progress(&asked))
        .when(report_signature(1, 1, sign(digest())))
        .then_expect_error(SessionError::Signature(SignatureError::PublicKey));
}

#[test]
fn a_report_about_another_attempt_is_refused() {
    for asked in [0, 2] {
        given(in_progress(&signing(2, 3)))
            .when(report_signature(1, asked, sign(digest())))
            .then_expect_error(SessionError::Attempt { asked, running: 1 });
    }
    let history = and(
        in_progress(&signing(2, 3)),
        [
            attempt_failed(1, AttemptFailure::Engine, &[], Some(1), &[1, 2]),
            started(2, &[1, 2]),
        ],
    );
    given(history.clone())
        .when(report_signature(1, 1, sign(digest())))
        .then_expect_error(SessionError::Attempt {
            asked: 1,
            running: 2,
        });
    given(history)
        .when(report_signature(1, 2, sign(digest())))
        .then_expect_events(vec![
            reported_signature(1, 2, sign(digest())),
            completed_by_signature(sign(digest())),
        ]);
}

#[test]
fn only_a_signer_of_the_attempt_reports() {
    given(in_progress(&signing(2, 3)))
        .when(report_signature(3, 1, sign(digest())))
        .then_expect_error(SessionError::NotSelected(party(3)));
    given(in_progress(&signing(2, 3)))
        .when(report_signature(4, 1, sign(digest())))
        .then_expect_error(SessionError::NotInvited(party(4)));
}

#[test]
fn nothing_is_reported_before_the_attempt_runs() {
    for (history, status) in [
        (vec![created(&signing(2, 3))], SessionStatus::Created),
        (
            vec![created(&signing(2, 3)), joined(1), ready(1)],
            SessionStatus::Waiting,
        ),
    ] {
        given(history)
            .when(report_signature(1, 1, sign(digest())))
            .then_expect_error(SessionError::Status(status));
    }
}

#[test]
fn nothing_is_reported_after_a_session_came_to_nothing() {
    let history = and(
        in_progress(&signing(2, 3)),
        [SessionEvent::SessionExpired {}],
    );
    given(history)
        .when(report_signature(1, 1, sign(digest())))
        .then_expect_error(SessionError::Status(SessionStatus::Expired));
}

#[test]
fn a_report_of_another_kind_is_refused() {
    given(in_progress(&signing(2, 3)))
        .when(report_receipt(1, 1, receipt(1, &statement(2, 3))))
        .then_expect_error(SessionError::ReportKind("sign"));
    given(in_progress(&keygen(2, 3)))
        .when(report_signature(1, 1, sign(digest())))
        .then_expect_error(SessionError::ReportKind("keygen"));
    for kind in [SessionKind::Refresh, SessionKind::Recover] {
        let asked = NewSession {
            kind,
            ..keygen(2, 3)
        };
        given(in_progress(&asked))
            .when(report_receipt(1, 1, receipt(1, &statement(2, 3))))
            .then_expect_error(SessionError::ReportKind("keygen"));
    }
}

// ---- receipts

#[test]
fn the_last_of_the_receipts_that_agree_completes_the_session() {
    let stated = statement(2, 3);
    let receipts: Vec<_> = (1..=3).map(|index| receipt(index, &stated)).collect();
    for (index, before) in [(1, 0), (2, 1)] {
        given(receipts_in(&receipts[..before]))
            .when(report_receipt(index, 1, receipts[before].clone()))
            .then_expect_events(vec![reported_receipt(index, 1, receipts[before].clone())]);
    }
    given(receipts_in(&receipts[..2]))
        .when(report_receipt(3, 1, receipts[2].clone()))
        .then_expect_events(vec![
            reported_receipt(3, 1, receipts[2].clone()),
            SessionEvent::SessionCompleted {
                public_key: group_public_key(),
                signature: None,
            },
        ]);
    let session = session_after(&receipts_in(&receipts));
    assert_eq!(session.state().unwrap().receipts(), receipts);
}

#[test]
fn receipts_may_come_in_any_order() {
    let stated = statement(2, 3);
    let history = and(
        in_progress(&keygen(2, 3)),
        [3, 1].map(|index| reported_receipt(index, 1, receipt(index, &stated))),
    );
    let events = given(history)
        .when(report_receipt(2, 1, receipt(2, &stated)))
        .inspect_result()
        .unwrap();
    assert!(matches!(
        events.as_slice(),
        [
            SessionEvent::ParticipantReported { .. },
            SessionEvent::SessionCompleted { .. }
        ]
    ));
}

#[test]
fn the_receipts_of_ten_parties_stand_in_the_order_of_their_indices() {
    // By name, `p10` comes before `p2`.
    let stated = statement(2, 10);
    let reports = (1..=10).map(|index| reported_receipt(index, 1, receipt(index, &stated)));
    let session = session_after(&and(in_progress(&keygen(2, 10)), reports));
    assert_eq!(
        session.state().unwrap().receipts(),
        crate::fixture::receipts(2, 10)
    );
}

#[test]
fn receipts_that_differ_in_any_field_fail_the_session() {
    let stated = statement(2, 3);
    let before = [receipt(1, &stated), receipt(2, &stated)];
    for (field, other) in other_statements(&stated) {
        let last = receipt(3, &other);
        let given = given(receipts_in(&before));
        let report = report_receipt(3, 1, last.clone());
        if ["session", "attempt"].contains(&field) {
            // A receipt of another run: not taken at all.
            given
                .when(report)
                .then_expect_error(SessionError::Receipt(ReceiptError::Unexpected(
                    "session or attempt",
                )));
        } else {
            given.when(report).then_expect_events(vec![
                reported_receipt(3, 1, last),
                failed(format!("the receipts of `p1` and `p3` differ in `{field}`")),
            ]);
        }
    }
}

#[test]
fn receipts_that_agree_on_something_else_than_asked_fail_the_session() {
    // These are what the receipts are to bring.
    let free = ["public_key", "chain_code", "broadcasts"];
    let refused_at_once = ["session", "attempt"];
    for (field, other) in other_statements(&statement(2, 3)) {
        if free.contains(&field) || refused_at_once.contains(&field) {
            continue;
        }
        let last = receipt(3, &other);
        given(receipts_in(&[receipt(1, &other), receipt(2, &other)]))
            .when(report_receipt(3, 1, last.clone()))
            .then_expect_events(vec![
                reported_receipt(3, 1, last),
                failed(format!(
                    "the receipts state another `{field}` than expected"
                )),
            ]);
    }
}

#[test]
fn a_second_receipt_of_one_party_is_nothing_new() {
    let stated = statement(2, 3);
    let mut other = stated.clone();
    other.broadcasts = Hex([1; 32]);
    for again in [receipt(1, &stated), receipt(1, &other)] {
        given(receipts_in(&[receipt(1, &stated)]))
            .when(report_receipt(1, 1, again))
            .then_expect_events(vec![]);
    }
}

#[test]
fn a_receipt_after_completion_is_nothing_new() {
    let stated = statement(2, 3);
    let receipts: Vec<_> = (1..=3).map(|index| receipt(index, &stated)).collect();
    let history = and(
        receipts_in(&receipts),
        [SessionEvent::SessionCompleted {
            public_key: group_public_key(),
            signature: None,
        }],
    );
    given(history)
        .when(report_receipt(1, 1, receipts[0].clone()))
        .then_expect_events(vec![]);
}

#[test]
fn a_receipt_that_another_party_signed_is_refused() {
    let forged = Receipt {
        party: party(1),
        index: 1,
        statement: statement(2, 3),
    };
    given(in_progress(&keygen(2, 3)))
        .when(report_receipt(1, 1, forged.sign(&identity_key(2)).unwrap()))
        .then_expect_error(SessionError::Receipt(ReceiptError::Jws {
            party: party(1),
            source: JwsError::Signature,
        }));
    // Its own receipt, handed in by another.
    given(in_progress(&keygen(2, 3)))
        .when(report_receipt(2, 1, receipt(1, &statement(2, 3))))
        .then_expect_error(SessionError::Receipt(ReceiptError::Jws {
            party: party(2),
            source: JwsError::Signature,
        }));
}

#[test]
fn a_receipt_that_is_none_is_refused() {
    given(in_progress(&keygen(2, 3)))
        .when(report_receipt(1, 1, "not a token".to_owned()))
        .then_expect_error(SessionError::Receipt(ReceiptError::Jws {
            party: party(1),
            source: JwsError::Malformed,
        }));
}

#[test]
fn receipts_of_a_failed_attempt_do_not_count_in_the_next() {
    let stated = statement(2, 3);
    let mut second = stated.clone();
    second.attempt = 2;
    let history = and(
        receipts_in(&[receipt(1, &stated), receipt(2, &stated)]),
        [
            attempt_failed(1, AttemptFailure::Engine, &[], Some(3), &[1, 2, 3]),
            started(2, &[1, 2, 3]),
        ],
    );
    let session = session_after(&history);
    assert_eq!(session.state().unwrap().receipts(), Vec::<String>::new());
    assert_eq!(status_of(&session, 1), ParticipantStatus::Computing);
    given(history.clone())
        .when(report_receipt(3, 2, receipt(3, &second)))
        .then_expect_events(vec![reported_receipt(3, 2, receipt(3, &second))]);
    given(history)
        .when(report_receipt(1, 2, receipt(1, &stated)))
        .then_expect_error(SessionError::Receipt(ReceiptError::Unexpected(
            "session or attempt",
        )));
}
