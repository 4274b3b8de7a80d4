//! Signing requests that keep coming while something goes wrong.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use countersign_domain::ids::KeyId;

use crate::account::Account;
use crate::http::Api;

/// How long a request may be refused.
const PATIENCE: Duration = Duration::from_secs(180);

/// What came of many requests.
#[derive(Debug, Default)]
pub struct Taken {
    /// The session of every request, by its `jti`.
    pub sessions: BTreeMap<String, String>,
    /// How many answers said to come again.
    pub put_off: usize,
    /// How often there was no answer.
    pub unanswered: usize,
}

/// Asks for so many signatures, from `threads` at once and of the servers in turn, and
/// repeats each request until it is taken. `taken` hears how many are.
///
/// # Panics
/// When an answer is neither the session nor a 503 with `Retry-After`, or when a
/// request is not taken for too long.
#[must_use]
pub fn sign_all(
    servers: &[Api],
    account: &Account,
    key: KeyId,
    requests: usize,
    threads: usize,
    taken: impl Fn(usize) + Sync,
) -> Taken {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let all = Mutex::new(Taken::default());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= requests {
                        return;
                    }
                    let jti = format!("under-load-{number}");
                    let one = sign_one(servers, account, key, number, &jti);
                    let mut all = all.lock().expect("no panic holds it");
                    all.put_off += one.put_off;
                    all.unanswered += one.unanswered;
                    all.sessions.extend(one.sessions);
                    drop(all);
                    taken(done.fetch_add(1, Ordering::Relaxed) + 1);
                }
            });
        }
    });
    all.into_inner().expect("no panic holds it")
}

fn sign_one(servers: &[Api], account: &Account, key: KeyId, number: usize, jti: &str) -> Taken {
    let intent = account.sign_intent(key, jti);
    let path = format!("/v1/keys/{key}/signatures");
    let mut came = Taken::default();
    let begun = Instant::now();
    for server in servers.iter().cycle().skip(number) {
        match server.try_post(&path, &intent, 0) {
            Ok(answer) if [200, 202].contains(&answer.status) => {
                let session = answer.body["session_id"].as_str().expect("an id");
                came.sessions.insert(jti.to_owned(), session.to_owned());
                break;
            }
            Ok(answer) if answer.status == 503 => {
                assert!(answer.retry_after.is_some(), "{}", answer.body);
                came.put_off += 1;
            }
            Ok(answer) => panic!("{}: {}", answer.status, answer.body),
            Err(_) => came.unanswered += 1,
        }
        assert!(begun.elapsed() < PATIENCE, "{jti} is not taken");
        // As any client would pause before it comes again.
        std::thread::sleep(Duration::from_millis(100));
    }
    came
}
