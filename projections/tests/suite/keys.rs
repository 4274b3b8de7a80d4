//! Key events, folded.

use countersign_domain::ids::KeyId;
use countersign_domain::key::{KeyEvent, KeyStatus};
use countersign_event_store::StreamId;
use countersign_projections::keys::{KeyRow, apply};

use crate::support::{account_id, chain_code, envelope, key_facts, party, public_key, session_id};

fn requested() -> KeyEvent {
    KeyEvent::KeyRequested {
        facts: key_facts(account_id(1), session_id(1)),
        intent: "an.intent.jws".into(),
    }
}

fn activated() -> KeyEvent {
    KeyEvent::KeyActivated {
        public_key: public_key(),
        chain_code: chain_code(),
        receipts: vec!["one".into(), "two".into(), "three".into()],
    }
}

fn banned(reporter: u8, culprit: u8) -> KeyEvent {
    KeyEvent::PairBanned {
        reporter: party(reporter),
        culprit: party(culprit),
    }
}

fn fold(events: &[KeyEvent]) -> Option<KeyRow> {
    let id = KeyId::of(session_id(1));
    let mut row = None;
    for (number, event) in (1..).zip(events) {
        let envelope = envelope(number * 10, StreamId::new("key", id), number, event);
        apply(&mut row, id, &envelope.recorded(), event);
    }
    row
}

#[test]
fn a_requested_key() {
    let row = fold(&[requested()]).expect("a row");
    insta::assert_json_snapshot!(row.view);
}

#[test]
fn an_active_key_with_banned_pairs() {
    let events = [
        requested(),
        activated(),
        banned(3, 1),
        banned(2, 1),
        banned(1, 3),
    ];
    let row = fold(&events).expect("a row");
    insta::assert_json_snapshot!(row.view);
}

#[test]
fn a_key_that_was_never_generated_is_retired_with_the_reason() {
    let reason = "every attempt failed".to_owned();
    let row = fold(&[requested(), KeyEvent::KeyRetired { reason }]).expect("a row");
    assert_eq!(row.view.status, KeyStatus::Retired);
    let shown = row.view.retired_reason.as_deref();
    assert_eq!(shown, Some("every attempt failed"));
    assert_eq!(row.view.activated_at, None);
}

#[test]
fn freezing_changes_the_status_alone() {
    let frozen = KeyEvent::KeyFrozen { intent: "".into() };
    let active = fold(&[requested(), activated()]).expect("a row").view;
    let mut view = fold(&[requested(), activated(), frozen])
        .expect("a row")
        .view;
    assert_eq!(view.status, KeyStatus::Frozen);
    view.status = active.status;
    (view.position, view.updated_at) = (active.position, active.updated_at);
    assert_eq!(view, active);
}

#[test]
fn refreshed_shares_have_new_receipts_and_stale_ones_change_nothing() {
    let refreshed = |epoch, receipt: &str| KeyEvent::SharesRefreshed {
        epoch,
        receipts: vec![receipt.into()],
    };
    let events = [
        requested(),
        activated(),
        refreshed(3, "new"),
        refreshed(2, "old"),
    ];
    let row = fold(&events).expect("a row");
    assert_eq!(row.view.epoch, 3);
    assert_eq!(row.view.receipts, ["new"]);
}

#[test]
fn a_second_activation_changes_nothing() {
    let other = KeyEvent::KeyActivated {
        public_key: public_key(),
        chain_code: chain_code(),
        receipts: vec!["forged".into()],
    };
    let row = fold(&[requested(), activated(), other]).expect("a row");
    assert_eq!(row.view.receipts, ["one", "two", "three"]);
}

#[test]
fn a_row_survives_storage() {
    let row = fold(&[requested(), activated(), banned(1, 2)]).expect("a row");
    let json = serde_json::to_string(&row).expect("JSON");
    assert_eq!(serde_json::from_str::<KeyRow>(&json).expect("a row"), row);
}
