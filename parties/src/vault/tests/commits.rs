//! Changes that share a commit, and those that wait for nobody.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use countersign_domain::bytes::{Digest, Hex};
use tokio::sync::oneshot;

use super::{Home, session};
use crate::vault::VaultError;
use crate::vault::change::{Change, Verdict};
use crate::vault::writer::{self, Job};

const DIGEST: Digest = Hex([1; 32]);
const OTHER: Digest = Hex([2; 32]);
const BINDING: Digest = Hex([3; 32]);

/// So many sessions in work that changes wait for each other.
const MANY: usize = 16;

type Answer = Result<Verdict, VaultError>;

/// That session `n` begins, and whoever is told.
fn begin(n: u128) -> (Job, oneshot::Receiver<Answer>) {
    let (answer, answered) = oneshot::channel();
    let change = Change::Begin {
        session: session(n),
        attempt: 0,
        digest: DIGEST,
        binding: BINDING,
    };
    (Job { change, answer }, answered)
}

#[test]
fn changes_that_wait_share_one_commit_and_are_answered_one_by_one() {
    let home = Home::new();
    let inner = home.open().inner.clone();
    let (jobs, waiting) = mpsc::channel();
    let submit = |change| {
        let (answer, answered) = oneshot::channel();
        jobs.send(Job { change, answer }).unwrap();
        answered
    };
    let begin = |n, digest| {
        submit(Change::Begin {
            session: session(n),
            attempt: 0,
            digest,
            binding: BINDING,
        })
    };
    let first = begin(1, DIGEST);
    let same = begin(1, DIGEST);
    let other = begin(1, OTHER);
    let refused = submit(Change::Finish {
        session: session(9),
        result: Vec::new(),
    });
    let result = submit(Change::Finish {
        session: session(1),
        result: b"{}".to_vec(),
    });
    let late = begin(1, DIGEST);
    let second = begin(2, OTHER);
    drop(jobs);

    assert_eq!(
        writer::run(&inner, &waiting, &AtomicUsize::new(0)),
        1,
        "commits"
    );
    let verdict = |answered: oneshot::Receiver<Answer>| answered.blocking_recv().unwrap().unwrap();
    assert_eq!(verdict(first), Verdict::Done);
    assert_eq!(verdict(same), Verdict::AlreadyBegun);
    assert_eq!(verdict(other), Verdict::OtherDigest);
    assert!(matches!(
        refused.blocking_recv().unwrap(),
        Err(VaultError::NotBegun { .. })
    ));
    assert_eq!(verdict(result), Verdict::Done);
    assert_eq!(verdict(late), Verdict::Finished);
    assert_eq!(verdict(second), Verdict::Done);
}

#[test]
fn a_refusal_commits_nothing() {
    let home = Home::new();
    let vault = home.open();
    vault.begin_attempt(session(1), 0, DIGEST, BINDING).unwrap();
    let inner = vault.inner.clone();
    drop(vault);
    let (jobs, waiting) = mpsc::channel();
    let (answer, answered) = oneshot::channel();
    let change = Change::Begin {
        session: session(1),
        attempt: 0,
        digest: OTHER,
        binding: BINDING,
    };
    jobs.send(Job { change, answer }).unwrap();
    drop(jobs);
    assert_eq!(writer::run(&inner, &waiting, &AtomicUsize::new(0)), 0);
    assert_eq!(
        answered.blocking_recv().unwrap().unwrap(),
        Verdict::OtherDigest
    );
}

#[test]
fn only_among_several_sessions_does_a_change_wait_for_others() {
    assert_eq!(writer::pause(0), None);
    assert_eq!(writer::pause(1), None);
    assert!(writer::pause(16).is_some());
}

#[test]
fn a_session_is_in_work_as_long_as_it_says_so() {
    let home = Home::new();
    let vault = home.open();
    let [one, two] = [vault.session(), vault.session()];
    let in_work = || vault.in_work.load(Ordering::Relaxed);
    assert_eq!(in_work(), 2);
    drop(one);
    assert_eq!(in_work(), 1);
    drop(two);
    assert_eq!(in_work(), 0);
}

#[test]
fn among_several_sessions_a_change_that_comes_later_shares_the_commit() {
    let home = Home::new();
    let inner = home.open().inner.clone();
    let commits = |n| {
        let (jobs, waiting) = mpsc::sync_channel(1);
        let ((one, first), (two, second)) = (begin(n), begin(n + 1));
        jobs.send(one).unwrap();
        let commits = thread::scope(|scope| {
            // There is room for the second when the writer has the first.
            scope.spawn(move || jobs.send(two).unwrap());
            writer::run(&inner, &waiting, &AtomicUsize::new(MANY))
        });
        for answered in [first, second] {
            assert_eq!(answered.blocking_recv().unwrap().unwrap(), Verdict::Done);
        }
        commits
    };
    // A thread may be held up for longer than the writer waits, but not each time.
    let shared = (0..50).any(|round| commits(2 * round) == 1);
    assert!(shared, "each change had a commit of its own");
}

#[test]
fn no_change_waits_for_one_that_does_not_come() {
    let home = Home::new();
    let inner = home.open().inner.clone();
    for (first, in_work) in [(10, 0), (20, 1), (30, MANY)] {
        let (jobs, waiting) = mpsc::channel();
        let commits = thread::scope(|scope| {
            let inner = &inner;
            let in_work = AtomicUsize::new(in_work);
            let writer = scope.spawn(move || writer::run(inner, &waiting, &in_work));
            for n in first..first + 3 {
                let (job, answered) = begin(n);
                jobs.send(job).unwrap();
                // Answered before there is another.
                assert_eq!(answered.blocking_recv().unwrap().unwrap(), Verdict::Done);
            }
            drop(jobs);
            writer.join().unwrap()
        });
        assert_eq!(commits, 3);
    }
}
