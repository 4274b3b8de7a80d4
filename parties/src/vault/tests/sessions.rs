//! Attempts are begun once, sessions sign one thing, results stay.

use countersign_domain::bytes::{Digest, Hex};

use super::{Home, session};
use crate::vault::{BeginError, Vault, VaultError};

const DIGEST: Digest = Hex([1; 32]);
const OTHER: Digest = Hex([2; 32]);
const BINDING: Digest = Hex([3; 32]);

fn begin(vault: &Vault, n: u128, attempt: u32, digest: Digest) -> Result<(), BeginError> {
    vault.begin_attempt(session(n), attempt, digest, BINDING)
}

#[test]
fn an_attempt_begins_once_also_across_a_reopen() {
    let home = Home::new();
    let vault = home.open();
    begin(&vault, 1, 1, DIGEST).unwrap();
    let again = begin(&vault, 1, 1, DIGEST).unwrap_err();
    assert!(matches!(again, BeginError::AlreadyBegun { .. }));
    drop(vault);

    let vault = home.open();
    let again = begin(&vault, 1, 1, DIGEST).unwrap_err();
    assert!(matches!(again, BeginError::AlreadyBegun { .. }));
    begin(&vault, 2, 1, OTHER).unwrap();
}

#[test]
fn the_next_attempt_begins_and_a_lower_one_does_not() {
    let home = Home::new();
    let vault = home.open();
    begin(&vault, 1, 1, DIGEST).unwrap();
    begin(&vault, 1, 4, DIGEST).unwrap();
    for attempt in [0, 1, 3, 4] {
        let refused = begin(&vault, 1, attempt, DIGEST).unwrap_err();
        assert!(matches!(refused, BeginError::AlreadyBegun { .. }));
    }
    begin(&vault, 1, 5, DIGEST).unwrap();
}

#[test]
fn an_attempt_of_another_binding_is_no_other_attempt() {
    let home = Home::new();
    let vault = home.open();
    begin(&vault, 1, 1, DIGEST).unwrap();
    let refused = vault.begin_attempt(session(1), 1, DIGEST, OTHER);
    assert!(matches!(refused, Err(BeginError::AlreadyBegun { .. })));
    vault.begin_attempt(session(1), 2, DIGEST, OTHER).unwrap();
}

#[test]
fn a_session_is_for_one_digest_for_ever() {
    let home = Home::new();
    let vault = home.open();
    begin(&vault, 1, 0, DIGEST).unwrap();
    begin(&vault, 1, 1, DIGEST).unwrap();
    for attempt in [0, 1, 2] {
        let refused = begin(&vault, 1, attempt, OTHER).unwrap_err();
        assert!(matches!(refused, BeginError::OtherDigest { .. }));
    }
    vault.finish(session(1), b"{}").unwrap();
    drop(vault);
    let refused = begin(&home.open(), 1, 3, OTHER).unwrap_err();
    assert!(matches!(refused, BeginError::OtherDigest { .. }));
}

#[test]
fn a_finished_session_keeps_its_result_and_begins_no_more() {
    let home = Home::new();
    let vault = home.open();
    begin(&vault, 1, 0, DIGEST).unwrap();
    assert_eq!(vault.finished(session(1)).unwrap(), None);
    vault.finish(session(1), b"{\"r\":1}").unwrap();
    vault.finish(session(1), b"{\"r\":1}").unwrap();
    let other = vault.finish(session(1), b"{\"r\":2}").unwrap_err();
    assert!(matches!(other, VaultError::OtherResult { .. }));
    drop(vault);

    let vault = home.open();
    assert_eq!(vault.finished(session(1)).unwrap().unwrap(), b"{\"r\":1}");
    for attempt in [0, 1] {
        let refused = begin(&vault, 1, attempt, DIGEST).unwrap_err();
        assert!(matches!(refused, BeginError::Finished { .. }));
    }
    assert_eq!(vault.finished(session(2)).unwrap(), None);
}

#[test]
fn an_empty_result_is_a_result() {
    let home = Home::new();
    let vault = home.open();
    begin(&vault, 1, 0, DIGEST).unwrap();
    vault.finish(session(1), b"").unwrap();
    drop(vault);
    assert_eq!(home.open().finished(session(1)).unwrap().unwrap(), b"");
}

#[test]
fn a_result_needs_an_attempt() {
    let home = Home::new();
    let refused = home.open().finish(session(1), b"{}").unwrap_err();
    assert!(matches!(refused, VaultError::NotBegun { .. }));
}

#[test]
fn of_eight_threads_that_begin_one_attempt_one_wins() {
    let home = Home::new();
    let vault = home.open();
    for attempt in 0..5 {
        let wins = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| begin(&vault, 1, attempt, DIGEST)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .filter(|result| match result {
                    Ok(()) => true,
                    Err(BeginError::AlreadyBegun { .. }) => false,
                    Err(other) => panic!("{other}"),
                })
                .count()
        });
        assert_eq!(wins, 1);
    }
}

#[test]
fn many_sessions_at_once_are_all_kept() {
    let home = Home::new();
    let vault = home.open();
    std::thread::scope(|scope| {
        for thread in 0..8_u128 {
            let vault = &vault;
            scope.spawn(move || {
                for n in 0..10 {
                    let n = thread * 100 + n;
                    begin(vault, n, 0, DIGEST).unwrap();
                    vault.finish(session(n), &n.to_be_bytes()).unwrap();
                }
            });
        }
    });
    drop(vault);
    let vault = home.open();
    for n in (0..8).flat_map(|thread| (0..10).map(move |n| thread * 100 + n)) {
        let result = vault.finished(session(n)).unwrap().unwrap();
        assert_eq!(result, n.to_be_bytes());
    }
}
