//! Personal data: opened, sealed, erased, and none of it a fault of the log.

use countersign_audit::verify::{Depth, Fault, Reason, Summary, Verifier, verify_bundle};
use countersign_audit::{PersonalKeyMap, bundle::BundleWriter, bundle::Lines};
use countersign_event_store::{Envelope, PersonalKey};
use serde_json::json;
use zeroize::Zeroizing;

use crate::history::{History, account};
use crate::tampered::{Bundle, heal, pinned};

/// Three accounts of whom the second was erased, and their keys.
fn history() -> (History, PersonalKeyMap) {
    let mut history = History::default();
    let mut keys = PersonalKeyMap::new();
    keys.insert(account(1), history.register_sealed(1, "alice"));
    let key = history.keygen(1);
    keys.insert(account(2), history.register_sealed(2, "bob"));
    history.erase(2);
    // The name was free again.
    keys.insert(account(3), history.register_sealed(3, "BOB"));
    history.sign(1, key, "m/1");
    (history, keys)
}

fn verify(events: &[Envelope], keys: PersonalKeyMap) -> Result<Summary, Fault> {
    let size = events.len() as u64;
    let bundle = Bundle::of(events, &[size]);
    let header = bundle.header.clone();
    let verifier = Verifier::new(header, &bundle.checkpoints, &pinned(), Depth::Meaning)?;
    let mut verifier = verifier.with_personal_keys(keys);
    let mut lines = Lines::default();
    bundle.lines.iter().for_each(|line| lines.push(line));
    verifier.check(&lines)?;
    verifier.finish(Some(&bundle.footer))
}

fn changed(
    keys: PersonalKeyMap,
    event_type: &str,
    change: impl Fn(&mut Envelope),
) -> Result<Summary, Fault> {
    let mut events = history().0.events;
    let event = events.iter_mut().find(|it| it.event_type == event_type);
    change(event.expect("there is one"));
    heal(&mut events);
    verify(&events, keys)
}

#[test]
fn what_was_opened_what_stays_sealed_and_what_was_erased_is_told() {
    let (history, mut keys) = history();
    let counts = |summary: &Summary| {
        (
            summary.accounts,
            summary.registrations_opened,
            summary.registrations_sealed,
            summary.accounts_erased,
        )
    };
    // As it is exported: an erased account has no key.
    let of_the_erased = keys.remove(&account(2)).expect("a key");
    let opened = verify(&history.events, keys.clone()).expect("no fault");
    assert_eq!(counts(&opened), (3, 2, 0, 1));
    assert_eq!(opened.remarks.len(), 1, "{:?}", opened.remarks);

    let sealed = verify(&history.events, PersonalKeyMap::new()).expect("no fault");
    assert_eq!(counts(&sealed), (3, 0, 2, 1));
    assert!(
        sealed
            .remarks
            .iter()
            .any(|it| it.starts_with("sealed registrations that were not opened: 2."))
    );
    assert!(
        sealed
            .remarks
            .iter()
            .any(|it| it.starts_with("erased accounts: 1."))
    );
    // Their own two signatures were not verified.
    assert_eq!(sealed.signatures + 2, opened.signatures);

    // A copy of its key from before opens it still, and is remarked on.
    keys.insert(account(2), of_the_erased);
    let before = verify(&history.events, keys).expect("no fault");
    assert_eq!(counts(&before), (3, 3, 0, 1));
    assert!(before.remarks.iter().any(|it| it.contains("Destroy them")));
}

#[test]
fn a_key_that_does_not_fit_is_a_fault() {
    let (history, mut keys) = history();
    keys.insert(account(1), PersonalKey::new(Zeroizing::new([0x77; 32])));
    let fault = verify(&history.events, keys).expect_err("another key");
    assert_eq!((fault.position, fault.reason), (1, Reason::Sealed));
}

#[test]
fn sealed_registrations_that_were_changed_are_found() {
    let keys = || history().1;
    let flipped = |event: &mut Envelope| {
        let sealed = event.payload["personal"]["sealed"].as_str().expect("text");
        let (first, rest) = sealed.split_at(40);
        let (one, rest) = rest.split_at(1);
        let other = if one == "A" { "B" } else { "A" };
        event.payload["personal"]["sealed"] = json!(format!("{first}{other}{rest}"));
    };
    let fault = changed(keys(), "AccountRegistered", flipped).expect_err("another bit");
    assert_eq!(fault.reason.code(), "sealed");

    let quorum = |event: &mut Envelope| event.payload["quorum"]["threshold"] = json!(3);
    let fault = changed(keys(), "AccountRegistered", quorum).expect_err("another quorum");
    assert_eq!(fault.reason.code(), "not_intended");

    // Also without the key: whose auth key it is shows in the name of the stream.
    let other = history().0.events;
    let of_bob = other
        .iter()
        .filter(|it| it.event_type == "AccountRegistered")
        .nth(1);
    let auth_key = of_bob.expect("bob").payload["auth_key"].clone();
    let swapped = |event: &mut Envelope| event.payload["auth_key"] = auth_key.clone();
    let fault = changed(PersonalKeyMap::new(), "AccountRegistered", swapped);
    assert_eq!(
        fault.expect_err("another key").reason,
        Reason::Field("account")
    );
}

#[test]
fn names_are_unique_among_those_that_can_be_read() {
    let mut history = History::default();
    let keys: PersonalKeyMap = [
        (account(1), history.register_sealed(1, "alice")),
        (account(2), history.register_sealed(2, "Alice")),
    ]
    .into();
    let fault = verify(&history.events, keys).expect_err("a name that is taken");
    assert_eq!(
        (fault.position, fault.reason),
        (2, Reason::Taken("username"))
    );
    verify(&history.events, PersonalKeyMap::new()).expect("nobody can tell");
}

#[test]
fn an_erased_account_does_nothing_any_more() {
    let (history, keys) = history();
    // The erasure, moved before the key generation of the account.
    let mut erased = History::default();
    erased.register_sealed(1, "alice");
    erased.erase(1);
    let erasure = erased.events.pop().expect("an erasure");
    let mut events = history.events;
    let mut forged = erasure.clone();
    forged.recorded_at = events[0].recorded_at;
    events.insert(1, forged);
    heal(&mut events);
    let fault = verify(&events, keys.clone()).expect_err("it goes on");
    // Either the request of the same name, or the key after the erasure.
    assert!(
        ["transition", "used_intent"].contains(&fault.reason.code()),
        "{fault}"
    );

    let mut twice = erased.events;
    twice.push(erasure.clone());
    twice.push(erasure);
    heal(&mut twice);
    verify(&twice, PersonalKeyMap::new()).expect_err("it is erased twice");
}

#[test]
fn keys_travel_in_the_bundle_when_they_are_asked_for() {
    let (history, keys) = history();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.bundle");
    let bundle = Bundle::of(&history.events, &[history.events.len() as u64]);
    for (handed_on, opened) in [(keys, 3), (PersonalKeyMap::new(), 0)] {
        let checkpoints = &bundle.checkpoints;
        let writer = BundleWriter::create_with_keys(&path, &bundle.header, checkpoints, &handed_on);
        let mut writer = writer.expect("a part");
        for event in &history.events {
            writer.event(event).expect("an event");
        }
        writer.finish().expect("a bundle");
        let summary = verify_bundle(&path, &pinned(), Depth::Meaning).expect("no fault");
        assert_eq!(summary.registrations_opened, opened);
        assert_eq!(summary.accounts_erased, 1);
    }
}
