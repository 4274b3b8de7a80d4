//! Account events, folded.

use countersign_domain::account::{AccountEvent, AccountStatus};
use countersign_domain::personal::{Personal, PersonalData, Sealed};
use countersign_event_store::StreamId;
use countersign_projections::accounts::{AccountRow, apply};

use crate::support::{account_id, auth_signer, envelope, quorum};

fn registered() -> AccountEvent {
    AccountEvent::AccountRegistered {
        personal: Personal::Open(data()),
        auth_key: auth_signer(1).public(),
        quorum: quorum(),
    }
}

fn data() -> PersonalData {
    PersonalData {
        username: "Alice".into(),
        email: "alice@example.com".into(),
        intent: "an.intent.jws".into(),
    }
}

#[test]
fn a_sealed_registration_shows_names_only_to_who_opens_it() {
    let sealed = Sealed(vec![1, 2, 3]);
    let registered = AccountEvent::AccountRegistered {
        personal: Personal::Sealed(sealed.clone()),
        auth_key: auth_signer(1).public(),
        quorum: quorum(),
    };
    let row = fold(std::slice::from_ref(&registered)).expect("a row");
    assert_eq!(row.sealed, Some(sealed));
    assert_eq!((&row.view.username, &row.view.email), (&None, &None));
    let shown = row.opened(Some(data()));
    assert_eq!(shown.username.as_deref(), Some("Alice"));
    assert!(!shown.erased);

    let intent = String::new();
    let row = fold(&[registered, AccountEvent::AccountErased { intent }]).expect("a row");
    assert_eq!(row.sealed, None);
    assert!(row.view.erased);
    assert_eq!(row.view.status, AccountStatus::Closed);
}

fn fold(events: &[AccountEvent]) -> Option<AccountRow> {
    let id = account_id(1);
    let mut row = None;
    for (number, event) in (1..).zip(events) {
        // Other streams have events in between.
        let envelope = envelope(number * 10, StreamId::new("account", id), number, event);
        apply(&mut row, id, &envelope.recorded(), event);
    }
    row
}

#[test]
fn a_registered_account() {
    let row = fold(&[registered()]).expect("a row");
    insta::assert_json_snapshot!(row.view);
}

#[test]
fn suspended_and_given_another_auth_key() {
    let intent = String::new();
    let row = fold(&[
        registered(),
        AccountEvent::AccountSuspended {
            intent: intent.clone(),
        },
        AccountEvent::AuthKeyRotated {
            auth_key: auth_signer(2).public(),
            intent,
        },
    ])
    .expect("a row");
    assert_eq!(row.view.auth_key, auth_signer(2).public());
    insta::assert_json_snapshot!(row.view);
}

#[test]
fn a_recovery_replaces_the_auth_key_when_it_completes() {
    let mut events = vec![
        registered(),
        AccountEvent::RecoveryStarted {
            auth_key: auth_signer(3).public(),
            intent: String::new(),
        },
    ];
    let row = fold(&events).expect("a row");
    assert_eq!(row.view.status, AccountStatus::Recovering);
    assert_eq!(row.view.auth_key, auth_signer(1).public());
    events.push(AccountEvent::RecoveryCompleted {});
    let row = fold(&events).expect("a row");
    assert_eq!(row.view.status, AccountStatus::Active);
    assert_eq!(row.view.auth_key, auth_signer(3).public());
    let thumbprint = auth_signer(3).public().thumbprint();
    assert_eq!(row.view.auth_key_thumbprint, thumbprint);
}

#[test]
fn nothing_comes_of_an_account_that_never_registered() {
    let reason = "odd".into();
    assert_eq!(fold(&[AccountEvent::AccountLocked { reason }]), None);
}

#[test]
fn a_row_survives_storage() {
    let row = fold(&[registered()]).expect("a row");
    let json = serde_json::to_string(&row).expect("JSON");
    assert_eq!(
        serde_json::from_str::<AccountRow>(&json).expect("a row"),
        row
    );
}
