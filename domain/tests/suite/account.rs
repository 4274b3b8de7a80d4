//! The account aggregate, command by command.

use countersign_domain::account::{
    Account, AccountCommand, AccountError, AccountEvent, AccountStatus,
};
use countersign_domain::auth_key::AuthSigner;
use countersign_domain::decider::Decider as _;
use countersign_domain::intent::Action;
use countersign_domain::personal::{Personal, PersonalData};
use cqrs_es::test::{AggregateTestExecutor, TestFramework};

use crate::fixture::{alice, mallory, quorum, registration, sealed, verified};

fn given(events: Vec<AccountEvent>) -> AggregateTestExecutor<Account> {
    TestFramework::with(()).given(events)
}

fn account_after(events: &[AccountEvent]) -> Account {
    let mut account = Account::default();
    for event in events {
        account.evolve(event);
    }
    account
}

fn registered() -> AccountEvent {
    AccountEvent::AccountRegistered {
        personal: sealed(),
        auth_key: alice().public(),
        quorum: quorum(2, 3),
    }
}

fn suspended() -> AccountEvent {
    AccountEvent::AccountSuspended {
        intent: "suspension".to_owned(),
    }
}

fn reactivated() -> AccountEvent {
    AccountEvent::AccountReactivated {
        intent: "reactivation".to_owned(),
    }
}

fn locked() -> AccountEvent {
    AccountEvent::AccountLocked {
        reason: "court order".to_owned(),
    }
}

fn closed() -> AccountEvent {
    AccountEvent::AccountClosed {
        intent: "closing".to_owned(),
    }
}

fn recovery_started() -> AccountEvent {
    AccountEvent::RecoveryStarted {
        auth_key: mallory().public(),
        intent: "a guardian's request".to_owned(),
    }
}

fn recovery_cancelled() -> AccountEvent {
    AccountEvent::RecoveryCancelled {
        intent: "cancellation".to_owned(),
    }
}

#[test]
fn a_registration_registers_an_account_and_keeps_its_personal_data_as_given() {
    let intent = verified(&alice(), "reg", registration(&alice()));
    TestFramework::<Account>::with(())
        .given_no_previous_events()
        .when(AccountCommand::Register(intent, sealed()))
        .then_expect_events(vec![AccountEvent::AccountRegistered {
            personal: sealed(),
            auth_key: alice().public(),
            quorum: quorum(2, 3),
        }]);
}

#[test]
fn a_registered_account_is_active_under_its_auth_key() {
    let account = account_after(&[registered()]);
    assert_eq!(account.status(), Some(AccountStatus::Active));
    assert_eq!(account.auth_key(), Some(&alice().public()));
    assert_eq!(account.quorum(), Some(quorum(2, 3)));
    assert_eq!(account.require_active(), Ok(&alice().public()));
}

#[test]
fn an_account_is_registered_once() {
    given(vec![registered()])
        .when(AccountCommand::Register(
            verified(&alice(), "again", registration(&alice())),
            sealed(),
        ))
        .then_expect_error(AccountError::AlreadyRegistered);
}

#[test]
fn a_closed_account_is_not_registered_again() {
    given(vec![registered(), closed()])
        .when(AccountCommand::Register(
            verified(&alice(), "again", registration(&alice())),
            sealed(),
        ))
        .then_expect_error(AccountError::AlreadyRegistered);
}

#[test]
fn another_kind_of_intent_registers_nothing() {
    given(vec![])
        .when(AccountCommand::Register(
            verified(&alice(), "reg", Action::Suspend),
            sealed(),
        ))
        .then_expect_error(AccountError::WrongKind("account.suspend"));
}

#[test]
fn the_owner_suspends_and_reactivates() {
    let suspend = verified(&alice(), "s", Action::Suspend);
    let intent = suspend.token.clone();
    given(vec![registered()])
        .when(AccountCommand::Suspend(suspend))
        .then_expect_events(vec![AccountEvent::AccountSuspended { intent }]);

    let reactivate = verified(&alice(), "r", Action::Reactivate);
    let intent = reactivate.token.clone();
    given(vec![registered(), suspended()])
        .when(AccountCommand::Reactivate(reactivate))
        .then_expect_events(vec![AccountEvent::AccountReactivated { intent }]);

    let account = account_after(&[registered(), suspended(), reactivated()]);
    assert_eq!(account.status(), Some(AccountStatus::Active));
}

#[test]
fn an_account_that_does_not_exist_is_neither_suspended_nor_reactivated() {
    given(vec![])
        .when(AccountCommand::Suspend(verified(
            &alice(),
            "s",
            Action::Suspend,
        )))
        .then_expect_error(AccountError::NotFound);
    given(vec![])
        .when(AccountCommand::Reactivate(verified(
            &alice(),
            "r",
            Action::Reactivate,
        )))
        .then_expect_error(AccountError::NotFound);
}

#[test]
fn only_an_active_account_is_suspended() {
    for (history, from) in [
        (vec![suspended()], AccountStatus::Suspended),
        (vec![locked()], AccountStatus::Locked),
        (vec![recovery_started()], AccountStatus::Recovering),
        (vec![closed()], AccountStatus::Closed),
    ] {
        given([vec![registered()], history].concat())
            .when(AccountCommand::Suspend(verified(
                &alice(),
                "s",
                Action::Suspend,
            )))
            .then_expect_error(AccountError::Transition {
                from,
                to: AccountStatus::Suspended,
            });
    }
}

#[test]
fn the_owner_takes_back_only_what_the_owner_did() {
    for (history, from) in [
        (vec![], AccountStatus::Active),
        (vec![locked()], AccountStatus::Locked),
        (vec![suspended(), locked()], AccountStatus::Locked),
        (vec![recovery_started()], AccountStatus::Recovering),
        (vec![closed()], AccountStatus::Closed),
    ] {
        given([vec![registered()], history].concat())
            .when(AccountCommand::Reactivate(verified(
                &alice(),
                "r",
                Action::Reactivate,
            )))
            .then_expect_error(AccountError::Transition {
                from,
                to: AccountStatus::Active,
            });
    }
}

#[test]
fn an_intent_of_another_kind_neither_suspends_nor_reactivates() {
    given(vec![registered()])
        .when(AccountCommand::Suspend(verified(
            &alice(),
            "s",
            Action::Reactivate,
        )))
        .then_expect_error(AccountError::WrongKind("account.reactivate"));
    given(vec![registered(), suspended()])
        .when(AccountCommand::Reactivate(verified(
            &alice(),
            "r",
            Action::Suspend,
        )))
        .then_expect_error(AccountError::WrongKind("account.suspend"));
}

#[test]
fn an_intent_of_another_account_neither_suspends_nor_reactivates() {
    given(vec![registered()])
        .when(AccountCommand::Suspend(verified(
            &mallory(),
            "s",
            Action::Suspend,
        )))
        .then_expect_error(AccountError::NotFound);
    given(vec![registered(), suspended()])
        .when(AccountCommand::Reactivate(verified(
            &mallory(),
            "r",
            Action::Reactivate,
        )))
        .then_expect_error(AccountError::NotFound);
}

#[test]
fn an_account_keeps_its_name_when_its_auth_key_changes() {
    let rotated = AccountEvent::AuthKeyRotated {
        auth_key: mallory().public(),
        intent: "by the old key".to_owned(),
    };
    let account = account_after(&[registered(), rotated.clone()]);
    assert_eq!(account.auth_key(), Some(&mallory().public()));

    let suspend = verified(&alice(), "s", Action::Suspend);
    let intent = suspend.token.clone();
    given(vec![registered(), rotated])
        .when(AccountCommand::Suspend(suspend))
        .then_expect_events(vec![AccountEvent::AccountSuspended { intent }]);
}

#[test]
fn only_an_active_account_makes_keys_and_signs() {
    assert_eq!(
        Account::default().require_active(),
        Err(AccountError::NotFound)
    );
    for (event, status) in [
        (suspended(), AccountStatus::Suspended),
        (locked(), AccountStatus::Locked),
        (recovery_started(), AccountStatus::Recovering),
        (closed(), AccountStatus::Closed),
    ] {
        assert_eq!(
            account_after(&[registered(), event]).require_active(),
            Err(AccountError::NotActive(status))
        );
    }
}

#[test]
fn a_completed_recovery_hands_the_account_to_the_new_key() {
    let account = account_after(&[
        registered(),
        recovery_started(),
        AccountEvent::RecoveryApproved {
            intent: "a guardian's approval".to_owned(),
        },
        AccountEvent::RecoveryCompleted {},
    ]);
    assert_eq!(account.require_active(), Ok(&mallory().public()));
}

#[test]
fn a_cancelled_recovery_leaves_the_old_key() {
    let account = account_after(&[registered(), recovery_started(), recovery_cancelled()]);
    assert_eq!(account.require_active(), Ok(&alice().public()));
}

#[test]
fn cancelling_the_recovery_of_a_suspended_account_activates_it() {
    let history = [
        registered(),
        suspended(),
        recovery_started(),
        recovery_cancelled(),
    ];
    let account = account_after(&history);
    assert_eq!(account.status(), Some(AccountStatus::Active));
}

#[test]
fn cancelling_the_recovery_of_a_locked_account_leaves_the_lock() {
    let history = [
        registered(),
        locked(),
        recovery_started(),
        recovery_cancelled(),
    ];
    let account = account_after(&history);
    assert_eq!(account.status(), Some(AccountStatus::Locked));
}

#[test]
fn the_end_of_a_recovery_that_never_began_changes_nothing() {
    for end in [recovery_cancelled(), AccountEvent::RecoveryCompleted {}] {
        for before in [vec![], vec![suspended()], vec![locked()], vec![closed()]] {
            let history = [vec![registered()], before].concat();
            let after = [history.clone(), vec![end.clone()]].concat();
            assert_eq!(
                account_after(&after),
                account_after(&history),
                "{end:?} after {history:?}"
            );
        }
    }
}

#[test]
fn a_lock_ends_a_recovery_for_good() {
    let history = [
        registered(),
        recovery_started(),
        locked(),
        AccountEvent::RecoveryCompleted {},
    ];
    let account = account_after(&history);
    assert_eq!(account.status(), Some(AccountStatus::Locked));
    assert_eq!(account.auth_key(), Some(&alice().public()));
}

#[test]
fn a_recovery_is_not_cut_short_by_a_reactivation() {
    let account = account_after(&[registered(), recovery_started(), reactivated()]);
    assert_eq!(account.status(), Some(AccountStatus::Recovering));
}

#[test]
fn a_closed_account_takes_no_new_auth_key() {
    let rotated = AccountEvent::AuthKeyRotated {
        auth_key: mallory().public(),
        intent: "too late".to_owned(),
    };
    let history = [registered(), closed()];
    let after = [registered(), closed(), rotated];
    assert_eq!(account_after(&after), account_after(&history));
}

#[test]
fn a_closed_account_stays_closed() {
    for next in AccountStatus::ALL {
        assert!(!AccountStatus::Closed.may_become(next), "{next}");
    }
}

fn erased() -> AccountEvent {
    AccountEvent::AccountErased {
        intent: "erasure".to_owned(),
    }
}

#[test]
fn an_erasure_closes_the_account_for_good() {
    let intent = verified(&alice(), "erase", Action::Erase);
    let token = intent.token.clone();
    given(vec![registered(), suspended()])
        .when(AccountCommand::Erase(intent))
        .then_expect_events(vec![AccountEvent::AccountErased { intent: token }]);
    let account = account_after(&[registered(), erased(), reactivated()]);
    assert!(account.is_erased());
    assert_eq!(account.status(), Some(AccountStatus::Closed));
    assert_eq!(
        account.require_active(),
        Err(AccountError::NotActive(AccountStatus::Closed))
    );
    // Whoever erased it can still be told.
    assert_eq!(account.auth_key(), Some(&alice().public()));
}

#[test]
fn what_was_closed_is_erased_once() {
    let erase = || AccountCommand::Erase(verified(&alice(), "erase", Action::Erase));
    let after = |events: &[AccountEvent]| account_after(events).decide(erase()).map(|it| it.len());
    assert_eq!(after(&[registered(), closed()]), Ok(1));
    assert_eq!(after(&[registered(), locked()]), Ok(1));
    assert_eq!(
        after(&[registered(), erased()]),
        Err(AccountError::AlreadyErased)
    );
    assert_eq!(after(&[]), Err(AccountError::NotFound));
    assert_eq!(
        after(&[registered(), recovery_started()]),
        Err(AccountError::Transition {
            from: AccountStatus::Recovering,
            to: AccountStatus::Closed
        })
    );
}

#[test]
fn only_its_owner_erases_it_and_only_by_that_intent() {
    let account = account_after(&[registered()]);
    let by = |signer: AuthSigner, action| AccountCommand::Erase(verified(&signer, "erase", action));
    let refused = account.decide(by(mallory(), Action::Erase));
    assert_eq!(refused, Err(AccountError::NotFound));
    let refused = account.decide(by(alice(), Action::Suspend));
    assert_eq!(refused, Err(AccountError::WrongKind("account.suspend")));
}

#[test]
fn what_stands_in_the_log_in_clear_is_not_said_to_be_erased() {
    let open = AccountEvent::AccountRegistered {
        personal: Personal::Open(PersonalData {
            username: "alice".to_owned(),
            email: "alice@example.com".to_owned(),
            intent: "a.b.c".to_owned(),
        }),
        auth_key: alice().public(),
        quorum: quorum(2, 3),
    };
    let erase = AccountCommand::Erase(verified(&alice(), "erase", Action::Erase));
    let refused = account_after(&[open]).decide(erase);
    assert_eq!(refused, Err(AccountError::NotErasable));
}
