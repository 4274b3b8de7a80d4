//! The key aggregate, command by command.

use countersign_domain::decider::Decider as _;
use countersign_domain::ids::KeyId;
use countersign_domain::intent::Action;
use countersign_domain::jws::JwsError;
use countersign_domain::key::{
    Key, KeyCommand, KeyError, KeyEvent, KeyFacts, KeyStatus, NewKey, PublicPart,
};
use countersign_domain::receipt::{Receipt, ReceiptError};
use countersign_domain::roster::fingerprint;
use cqrs_es::test::{AggregateTestExecutor, TestFramework};

use crate::fixture::{
    CHAIN_CODE, account_of, activated, alice, create_key, facts, group_public_key, identity_key,
    key_id, mallory, members, other_statements, party, quorum, receipt, receipts, requested,
    statement, verified,
};

fn given(events: Vec<KeyEvent>) -> AggregateTestExecutor<Key> {
    TestFramework::with(()).given(events)
}

fn key_after(events: &[KeyEvent]) -> Key {
    let mut key = Key::default();
    for event in events {
        key.evolve(event);
    }
    key
}

fn request(facts: KeyFacts, action: Action) -> KeyCommand {
    KeyCommand::Request(Box::new(NewKey {
        facts,
        intent: *verified(&alice(), "make-a-key", action),
    }))
}

fn activate(receipts: Vec<String>) -> KeyCommand {
    KeyCommand::Activate { receipts }
}

fn ban(reporter: u8, culprit: u8) -> KeyCommand {
    KeyCommand::BanPair {
        reporter: party(reporter),
        culprit: party(culprit),
    }
}

fn banned(reporter: u8, culprit: u8) -> KeyEvent {
    KeyEvent::PairBanned {
        reporter: party(reporter),
        culprit: party(culprit),
    }
}

fn frozen() -> KeyEvent {
    KeyEvent::KeyFrozen {
        intent: "freeze".to_owned(),
    }
}

fn unfrozen() -> KeyEvent {
    KeyEvent::KeyUnfrozen {
        intent: "unfreeze".to_owned(),
    }
}

fn retired() -> KeyEvent {
    KeyEvent::KeyRetired {
        reason: "no use".to_owned(),
    }
}

fn refreshed(epoch: u32) -> KeyEvent {
    KeyEvent::SharesRefreshed {
        epoch,
        receipts: vec![],
    }
}

fn freeze() -> Action {
    Action::Freeze { key: key_id() }
}

fn unfreeze() -> Action {
    Action::Unfreeze { key: key_id() }
}

// ---- request

#[test]
fn a_key_is_requested_by_its_intent() {
    let intent = verified(&alice(), "make-a-key", create_key(2, 3)).token;
    given(vec![])
        .when(request(facts(2, 3), create_key(2, 3)))
        .then_expect_events(vec![KeyEvent::KeyRequested {
            facts: facts(2, 3),
            intent,
        }]);
}

#[test]
fn a_key_is_requested_once() {
    given(vec![requested(2, 3)])
        .when(request(facts(2, 3), create_key(2, 3)))
        .then_expect_error(KeyError::AlreadyRequested);
}

#[test]
fn a_request_that_its_intent_does_not_cover_is_refused() {
    let others = KeyFacts {
        account: account_of(&mallory()),
        ..facts(2, 3)
    };
    for (facts, action) in [
        (facts(2, 3), create_key(3, 3)),
        (facts(2, 3), freeze()),
        (others, create_key(2, 3)),
    ] {
        given(vec![])
            .when(request(facts, action))
            .then_expect_error(KeyError::WrongIntent);
    }
}

#[test]
fn members_that_do_not_fit_are_refused() {
    let with = |change: &dyn Fn(&mut KeyFacts)| {
        let mut changed = facts(2, 3);
        change(&mut changed);
        changed
    };
    let renumbered = |facts: &mut KeyFacts| facts.roster = fingerprint(&facts.members);
    for malformed in [
        with(&|f| f.members = members(2)),
        with(&|f| {
            f.members = members(2);
            renumbered(f);
        }),
        with(&|f| f.roster = fingerprint(&members(4))),
        // The fingerprint fits, the indices do not.
        with(&|f| {
            f.members.swap(0, 1);
            renumbered(f);
        }),
        with(&|f| {
            f.members[2].index = 2;
            renumbered(f);
        }),
        // One party twice would hold two shares.
        with(&|f| {
            f.members[2].identity = f.members[0].identity.clone();
            renumbered(f);
        }),
    ] {
        given(vec![])
            .when(request(malformed, create_key(2, 3)))
            .then_expect_error(KeyError::Members);
    }
}

// ---- activate

#[test]
fn receipts_that_agree_activate_the_key() {
    given(vec![requested(2, 3)])
        .when(activate(receipts(2, 3)))
        .then_expect_events(vec![activated(2, 3)]);
    let key = key_after(&[requested(2, 3), activated(2, 3)]);
    assert_eq!(key.status(), Some(KeyStatus::Active));
    assert_eq!(
        key.public(),
        Some(PublicPart {
            public_key: group_public_key(),
            chain_code: CHAIN_CODE,
        })
    );
}

#[test]
fn the_same_activation_again_is_nothing_new() {
    for later in [vec![], vec![frozen()], vec![retired()]] {
        given([vec![requested(2, 3), activated(2, 3)], later].concat())
            .when(activate(receipts(2, 3)))
            .then_expect_events(vec![]);
    }
}

#[test]
fn what_was_not_requested_or_is_retired_is_not_activated() {
    given(vec![])
        .when(activate(receipts(2, 3)))
        .then_expect_error(KeyError::NotFound);
    given(vec![requested(2, 3), retired()])
        .when(activate(receipts(2, 3)))
        .then_expect_error(KeyError::Transition {
            from: KeyStatus::Retired,
            to: KeyStatus::Active,
        });
}

#[test]
fn one_receipt_that_differs_in_any_field_activates_nothing() {
    for (field, other) in other_statements(&statement(2, 3)) {
        let mut differing = receipts(2, 3);
        differing[2] = receipt(3, &other);
        given(vec![requested(2, 3)])
            .when(activate(differing))
            .then_expect_error(KeyError::Receipts(ReceiptError::Differ(
                party(1),
                party(3),
                field,
            )));
    }
}

#[test]
fn receipts_that_agree_on_something_else_activate_nothing() {
    // These are what the receipts are to bring, or not known to the key.
    let free = ["attempt", "public_key", "chain_code", "broadcasts"];
    for (field, other) in other_statements(&statement(2, 3)) {
        let agreed = (1..=3).map(|index| receipt(index, &other)).collect();
        let given = given(vec![requested(2, 3)]);
        if free.contains(&field) {
            assert!(given.when(activate(agreed)).inspect_result().is_ok());
        } else {
            given
                .when(activate(agreed))
                .then_expect_error(KeyError::Receipts(ReceiptError::Unexpected(field)));
        }
    }
}

#[test]
fn a_missing_or_surplus_receipt_activates_nothing() {
    for count in [0, 1, 2, 4] {
        let some = receipts(2, 4).into_iter().take(count).collect();
        given(vec![requested(2, 3)])
            .when(activate(some))
            .then_expect_error(KeyError::Receipts(ReceiptError::Count {
                got: count,
                expected: 3,
            }));
    }
}

#[test]
fn receipts_in_another_order_activate_nothing() {
    let mut swapped = receipts(2, 3);
    swapped.swap(0, 1);
    given(vec![requested(2, 3)])
        .when(activate(swapped))
        .then_expect_error(KeyError::Receipts(ReceiptError::Jws {
            party: party(1),
            source: JwsError::Signature,
        }));
}

#[test]
fn one_party_cannot_sign_for_another() {
    let forged = Receipt {
        party: party(2),
        index: 2,
        statement: statement(2, 3),
    };
    let mut tokens = receipts(2, 3);
    tokens[1] = forged.sign(&identity_key(3)).unwrap();
    given(vec![requested(2, 3)])
        .when(activate(tokens))
        .then_expect_error(KeyError::Receipts(ReceiptError::Jws {
            party: party(2),
            source: JwsError::Signature,
        }));
}

#[test]
fn a_receipt_names_its_own_signer() {
    for (name, index) in [(3, 2), (2, 3)] {
        let misnamed = Receipt {
            party: party(name),
            index,
            statement: statement(2, 3),
        };
        let mut tokens = receipts(2, 3);
        tokens[1] = misnamed.sign(&identity_key(2)).unwrap();
        given(vec![requested(2, 3)])
            .when(activate(tokens))
            .then_expect_error(KeyError::Receipts(ReceiptError::Signer(party(2))));
    }
}

// ---- freeze and unfreeze

#[test]
fn the_owner_freezes_and_unfreezes() {
    let intent = verified(&alice(), "f", freeze());
    let kept = intent.token.clone();
    given(vec![requested(2, 3), activated(2, 3)])
        .when(KeyCommand::Freeze(intent))
        .then_expect_events(vec![KeyEvent::KeyFrozen { intent: kept }]);

    let intent = verified(&alice(), "u", unfreeze());
    let kept = intent.token.clone();
    given(vec![requested(2, 3), activated(2, 3), frozen()])
        .when(KeyCommand::Unfreeze(intent))
        .then_expect_events(vec![KeyEvent::KeyUnfrozen { intent: kept }]);
}

#[test]
fn only_an_active_key_is_frozen() {
    for (history, from) in [
        (vec![], KeyStatus::Requested),
        (vec![activated(2, 3), frozen()], KeyStatus::Frozen),
        (vec![activated(2, 3), retired()], KeyStatus::Retired),
    ] {
        given([vec![requested(2, 3)], history].concat())
            .when(KeyCommand::Freeze(verified(&alice(), "f", freeze())))
            .then_expect_error(KeyError::Transition {
                from,
                to: KeyStatus::Frozen,
            });
    }
}

#[test]
fn only_a_frozen_key_is_unfrozen() {
    // A requested key may become active, but not by being unfrozen.
    for (history, from) in [
        (vec![], KeyStatus::Requested),
        (vec![activated(2, 3)], KeyStatus::Active),
        (vec![retired()], KeyStatus::Retired),
    ] {
        given([vec![requested(2, 3)], history].concat())
            .when(KeyCommand::Unfreeze(verified(&alice(), "u", unfreeze())))
            .then_expect_error(KeyError::Transition {
                from,
                to: KeyStatus::Active,
            });
    }
}

#[test]
fn nobody_else_freezes_or_unfreezes() {
    given(vec![requested(2, 3), activated(2, 3)])
        .when(KeyCommand::Freeze(verified(&mallory(), "f", freeze())))
        .then_expect_error(KeyError::NotFound);
    given(vec![requested(2, 3), activated(2, 3), frozen()])
        .when(KeyCommand::Unfreeze(verified(&mallory(), "u", unfreeze())))
        .then_expect_error(KeyError::NotFound);
    given(vec![])
        .when(KeyCommand::Freeze(verified(&alice(), "f", freeze())))
        .then_expect_error(KeyError::NotFound);
    given(vec![])
        .when(KeyCommand::Unfreeze(verified(&alice(), "u", unfreeze())))
        .then_expect_error(KeyError::NotFound);
}

#[test]
fn an_intent_about_something_else_neither_freezes_nor_unfreezes() {
    let other = KeyId(uuid::Uuid::from_u128(1));
    for action in [unfreeze(), Action::Freeze { key: other }, Action::Suspend] {
        given(vec![requested(2, 3), activated(2, 3)])
            .when(KeyCommand::Freeze(verified(&alice(), "f", action)))
            .then_expect_error(KeyError::WrongIntent);
    }
    for action in [freeze(), Action::Unfreeze { key: other }] {
        given(vec![requested(2, 3), activated(2, 3), frozen()])
            .when(KeyCommand::Unfreeze(verified(&alice(), "u", action)))
            .then_expect_error(KeyError::WrongIntent);
    }
}

// ---- bans

#[test]
fn a_pair_is_banned_once_whoever_reports_it() {
    given(vec![requested(2, 3), activated(2, 3)])
        .when(ban(1, 2))
        .then_expect_events(vec![banned(1, 2)]);
    for (reporter, culprit) in [(1, 2), (2, 1)] {
        given(vec![requested(2, 3), activated(2, 3), banned(1, 2)])
            .when(ban(reporter, culprit))
            .then_expect_events(vec![]);
    }
    let key = key_after(&[requested(2, 3), banned(2, 1)]);
    assert!(key.banned(&party(1), &party(2)));
    assert!(key.banned(&party(2), &party(1)));
    assert!(!key.banned(&party(1), &party(3)));
}

#[test]
fn only_two_different_members_are_banned() {
    given(vec![])
        .when(ban(1, 2))
        .then_expect_error(KeyError::NotFound);
    for (reporter, culprit, wrong) in [(1, 4, 4), (4, 1, 4), (2, 2, 2)] {
        given(vec![requested(2, 3), activated(2, 3)])
            .when(ban(reporter, culprit))
            .then_expect_error(KeyError::NotMember(party(wrong)));
    }
}

// ---- retire

#[test]
fn a_key_is_retired_from_any_status_once() {
    let retire = || KeyCommand::Retire {
        reason: "no use".to_owned(),
    };
    for history in [
        vec![requested(2, 3)],
        vec![requested(2, 3), activated(2, 3)],
        vec![requested(2, 3), activated(2, 3), frozen()],
    ] {
        given(history)
            .when(retire())
            .then_expect_events(vec![retired()]);
    }
    given(vec![requested(2, 3), retired()])
        .when(retire())
        .then_expect_error(KeyError::Transition {
            from: KeyStatus::Retired,
            to: KeyStatus::Retired,
        });
    given(vec![])
        .when(retire())
        .then_expect_error(KeyError::NotFound);
}

// ---- signing

#[test]
fn an_active_key_signs_for_its_account_at_its_epoch() {
    let key = key_after(&[requested(2, 3), activated(2, 3)]);
    let (facts_now, public) = key.require_active(account_of(&alice()), 1).unwrap();
    assert_eq!(*facts_now, facts(2, 3));
    assert_eq!(public.public_key, group_public_key());
}

#[test]
fn a_key_signs_for_no_other_account() {
    // Also not in a status that would give away that it exists.
    for history in [
        vec![requested(2, 3)],
        vec![requested(2, 3), activated(2, 3)],
        vec![requested(2, 3), activated(2, 3), frozen()],
    ] {
        assert_eq!(
            key_after(&history).require_active(account_of(&mallory()), 1),
            Err(KeyError::NotFound)
        );
    }
    assert_eq!(
        Key::default().require_active(account_of(&alice()), 1),
        Err(KeyError::NotFound)
    );
}

#[test]
fn only_an_active_key_signs() {
    for (later, status) in [
        (vec![], KeyStatus::Requested),
        (vec![activated(2, 3), frozen()], KeyStatus::Frozen),
        (vec![activated(2, 3), retired()], KeyStatus::Retired),
    ] {
        let key = key_after(&[vec![requested(2, 3)], later].concat());
        assert_eq!(
            key.require_active(account_of(&alice()), 1),
            Err(KeyError::NotActive(status))
        );
    }
}

#[test]
fn an_intent_for_other_shares_signs_nothing() {
    let key = key_after(&[requested(2, 3), activated(2, 3), refreshed(2)]);
    for asked in [0, 1, 3] {
        assert_eq!(
            key.require_active(account_of(&alice()), asked),
            Err(KeyError::Epoch { now: 2, asked })
        );
    }
    assert!(key.require_active(account_of(&alice()), 2).is_ok());
}

// ---- events that make no sense

#[test]
fn a_key_without_shares_refreshes_none() {
    for history in [
        vec![requested(2, 3)],
        vec![requested(2, 3), activated(2, 3), retired()],
    ] {
        let after = [history.clone(), vec![refreshed(7)]].concat();
        assert_eq!(key_after(&after), key_after(&history));
    }
}

#[test]
fn an_epoch_never_goes_back() {
    let key = key_after(&[requested(2, 3), activated(2, 3), refreshed(3), refreshed(2)]);
    assert_eq!(key.epoch(), 3);
}

#[test]
fn an_activation_does_not_unfreeze_and_an_unfreezing_does_not_activate() {
    let key = key_after(&[requested(2, 3), unfrozen()]);
    assert_eq!(key.status(), Some(KeyStatus::Requested));
    let key = key_after(&[requested(2, 3), activated(2, 3), frozen(), activated(2, 3)]);
    assert_eq!(key.status(), Some(KeyStatus::Frozen));
}

#[test]
fn a_second_request_does_not_replace_the_first() {
    let key = key_after(&[requested(2, 3), requested(3, 3)]);
    assert_eq!(key.facts().unwrap().quorum, quorum(2, 3));
}

#[test]
fn a_retired_key_stays_retired() {
    for next in KeyStatus::ALL {
        assert!(!KeyStatus::Retired.may_become(next), "{next}");
    }
}
