//! The progress board.

use std::sync::Arc;

use countersign_domain::ids::SessionId;
use countersign_messaging::envelope;
use countersign_messaging::progress::{Phase, Progress, ProgressBoard, ProgressError, STEPS};
use countersign_messaging::{Bus as _, Headers, LocalBus, subject};
use uuid::Uuid;

use crate::fixture::{Party, SESSION, at, parties};

fn progress(session: SessionId, attempt: u32, party: &Party, phase: Phase) -> Progress {
    Progress {
        session,
        attempt,
        party: party.id.clone(),
        phase,
        at: at(0),
    }
}

#[test]
fn the_board_shows_where_each_party_is() {
    let p = parties();
    let board = ProgressBoard::new(Arc::clone(&p.roster));
    assert!(board.of(SESSION).is_empty());
    for (party, phase) in [
        (&p.bravo, Phase::Joined),
        (&p.alpha, Phase::Joined),
        (&p.alpha, Phase::Round(1)),
        (&p.alpha, Phase::Round(2)),
    ] {
        let bytes = progress(SESSION, 1, party, phase).sign(&party.keys);
        board.observe(&bytes).unwrap();
    }
    insta::assert_json_snapshot!(board.of(SESSION));
}

#[test]
fn parties_only_move_forward_until_the_next_attempt() {
    let p = parties();
    let board = ProgressBoard::new(Arc::clone(&p.roster));
    let observe = |attempt, phase| {
        board.observe(&progress(SESSION, attempt, &p.alpha, phase).sign(&p.alpha.keys))
    };
    observe(1, Phase::Round(3)).unwrap();
    observe(1, Phase::Done).unwrap();
    for phase in [
        Phase::Joined,
        Phase::Round(3),
        Phase::Confirming,
        Phase::Done,
    ] {
        assert!(
            matches!(observe(1, phase), Err(ProgressError::Old(_))),
            "{phase}"
        );
    }
    observe(2, Phase::Joined).unwrap();
    assert!(matches!(
        observe(1, Phase::Done),
        Err(ProgressError::Old(_))
    ));
    assert_eq!(board.of(SESSION)[0].attempt, 2);
}

#[test]
fn every_step_of_a_session_is_remembered_up_to_a_bound() {
    let p = parties();
    let board = ProgressBoard::new(Arc::clone(&p.roster));
    let observe = |party, attempt, phase| {
        let bytes = progress(SESSION, attempt, party, phase).sign(&party.keys);
        board.observe(&bytes)
    };
    for (party, phase) in [
        (&p.alpha, Phase::Round(1)),
        (&p.bravo, Phase::Round(1)),
        (&p.alpha, Phase::Round(2)),
    ] {
        observe(party, 1, phase).unwrap();
    }
    assert!(observe(&p.alpha, 1, Phase::Round(1)).is_err(), "an old one");
    let steps = |from: usize| -> Vec<_> {
        let steps = board.steps(SESSION).into_iter().skip(from);
        steps.map(|s| (s.party, s.attempt, s.phase)).collect()
    };
    let (alpha, bravo) = (p.alpha.id.clone(), p.bravo.id.clone());
    assert_eq!(
        steps(0),
        [
            (alpha.clone(), 1, Phase::Round(1)),
            (bravo, 1, Phase::Round(1)),
            (alpha.clone(), 1, Phase::Round(2)),
        ]
    );
    let more = u32::try_from(STEPS).unwrap();
    for attempt in 2..2 + more {
        observe(&p.alpha, attempt, Phase::Done).unwrap();
    }
    let kept = steps(0);
    assert_eq!(kept.len(), STEPS);
    assert_eq!(kept[0], (alpha, 2, Phase::Done), "the oldest are forgotten");
    assert!(board.steps(SessionId(Uuid::from_u128(99))).is_empty());
}

#[test]
fn the_longest_unheard_of_session_is_forgotten_first() {
    let p = parties();
    let board = ProgressBoard::with_capacity(Arc::clone(&p.roster), 2);
    let [one, two, three] = [1, 2, 3].map(|n| SessionId(Uuid::from_u128(n)));
    for (session, phase) in [
        (one, Phase::Joined),
        (two, Phase::Joined),
        (one, Phase::Done),
        (three, Phase::Joined),
    ] {
        let bytes = progress(session, 1, &p.alpha, phase).sign(&p.alpha.keys);
        board.observe(&bytes).unwrap();
    }
    assert_eq!(board.of(one).len(), 1);
    assert!(board.of(two).is_empty());
    assert_eq!(board.of(three).len(), 1);
}

#[test]
fn nobody_reports_for_another() {
    let p = parties();
    let board = ProgressBoard::new(Arc::clone(&p.roster));
    let said = progress(SESSION, 1, &p.bravo, Phase::Done);
    let forged = said.sign(&p.alpha.keys);
    assert!(matches!(
        board.observe(&forged),
        Err(ProgressError::Envelope(_))
    ));
    let body = serde_json::to_vec(&said).unwrap();
    let tag = "countersign-progress-v1";
    let for_another = envelope::sign(tag, &p.alpha.id, &p.alpha.keys, body);
    assert!(matches!(
        board.observe(&for_another),
        Err(ProgressError::Party { .. })
    ));
    let stranger = progress(SESSION, 1, &p.outsider, Phase::Done).sign(&p.outsider.keys);
    assert!(matches!(
        board.observe(&stranger),
        Err(ProgressError::Envelope(_))
    ));
    assert!(board.of(SESSION).is_empty());
}

#[tokio::test]
async fn the_board_follows_the_bus() {
    let p = parties();
    let bus = LocalBus::new();
    let board = ProgressBoard::new(Arc::clone(&p.roster));
    let mut changes = board.changed();
    let report = async {
        let bytes = progress(SESSION, 1, &p.alpha, Phase::Sealing).sign(&p.alpha.keys);
        let subject = subject::progress(SESSION);
        bus.publish(&subject, bytes.into(), Headers::new())
            .await
            .unwrap();
        changes.changed().await.unwrap();
    };
    tokio::select! {
        biased;
        ended = board.follow(&bus) => panic!("{ended:?}"),
        () = report => {}
    }
    assert_eq!(board.of(SESSION)[0].phase, Phase::Sealing);
}
