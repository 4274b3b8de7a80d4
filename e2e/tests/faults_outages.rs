//! Servers that go away while the system is at work: nothing is lost or doubled, and
//! whoever asks is told to come again.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use countersign_domain::ids::KeyId;
use countersign_e2e::account::Account;
use countersign_e2e::load::{Taken, sign_all};
use countersign_e2e::production::Production;
use countersign_e2e::sessions::{assert_ended_once, ended, histories, until};

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

fn account_with_key(system: &Production) -> (Account, KeyId) {
    let account = Account::new();
    account.register(&system.api(1));
    let (key, _) = account.create_key(&system.api(1), 2, 3);
    (account, key)
}

/// Runs `work` and, once it has said that so many requests are taken, `fault` beside
/// it; returns what each came to.
fn meanwhile<T: Send>(
    requests: usize,
    work: impl FnOnce(&(dyn Fn(usize) + Sync)) -> T + Send,
    fault: impl FnOnce(),
) -> T {
    let (say, hear) = mpsc::sync_channel(1);
    std::thread::scope(|scope| {
        let work = scope.spawn(move || {
            work(&move |taken| {
                if taken == requests {
                    let _ = say.try_send(());
                }
            })
        });
        hear.recv_timeout(Duration::from_secs(180))
            .expect("requests are taken");
        fault();
        work.join().expect("the work")
    })
}

/// Every session that was promised ended, with a signature or a reason; how many have
/// a signature.
fn assert_all_ended(system: &Production, taken: &Taken) -> usize {
    let api = system.api(2);
    let completed = taken.sessions.values().filter(|session| {
        let session = ended(&api, session);
        let completed = session["status"] == "completed";
        let reason = ["reason", "failure", "outcome"]
            .iter()
            .any(|name| !session[*name].is_null());
        assert!(completed || reason, "{session}");
        completed
    });
    let completed = completed.count();
    assert_ended_once(&api, taken.sessions.len());
    completed
}

#[test]
fn nats_away_for_half_a_minute_in_the_middle_of_200_signing_sessions() {
    const SESSIONS: usize = 200;
    const AWAY: Duration = Duration::from_secs(30);
    let mut system = Production::up(BINARY);
    let (account, key) = account_with_key(&system);
    let apis = [system.api(1), system.api(2)];
    let reads = system.api(1);
    let mut registered = vec![];
    let taken = meanwhile(
        SESSIONS / 4,
        |taken| sign_all(&apis, &account, key, SESSIONS, 8, taken),
        || {
            system.nats.stop();
            let begun = Instant::now();
            // All this time commands that need no party are carried out, and what has
            // happened is shown.
            while begun.elapsed() < AWAY {
                let other = Account::new();
                other.register(&reads);
                let shown = reads.get(&format!("/v1/keys/{key}"));
                assert_eq!(shown.status, 200, "{}", shown.body);
                registered.push(other.id);
                std::thread::sleep(Duration::from_millis(200));
            }
            system.nats.resume().expect("NATS");
        },
    );
    assert_eq!(taken.sessions.len(), SESSIONS);
    assert!(registered.len() > 20, "{}", registered.len());
    let completed = assert_all_ended(&system, &taken);
    println!(
        "{completed} of {SESSIONS} completed, {} answers said to come again",
        taken.put_off
    );
    for account in registered {
        let shown = reads.get(&format!("/v1/accounts/{account}"));
        assert_eq!(shown.status, 200, "{}", shown.body);
    }
    system.await_ready();
    account.sign(&apis[0], key);
    // The relay has nothing left to publish.
    until("the relay has caught up", || {
        let behind = |service| {
            let metrics = system.metrics(service);
            let lag = metrics
                .lines()
                .find_map(|line| line.strip_prefix("countersign_relay_lag_events "))
                .map(|lag| lag.parse::<f64>().expect("a number"));
            lag.is_some_and(|lag| lag > 0.0)
        };
        (!behind("commands-1") && !behind("commands-2")).then_some(())
    });
}

#[test]
fn a_replica_that_is_told_to_stop_under_load_ends_in_order() {
    const SESSIONS: usize = 60;
    let mut system = Production::up(BINARY);
    let (account, key) = account_with_key(&system);
    let apis = [system.api(1), system.api(2)];
    let taken = meanwhile(
        SESSIONS / 3,
        |taken| sign_all(&apis, &account, key, SESSIONS, 8, taken),
        || assert_eq!(system.stop("commands-1").code(), Some(0)),
    );
    assert_eq!(taken.sessions.len(), SESSIONS);
    assert_eq!(assert_all_ended(&system, &taken), SESSIONS);
}

#[test]
fn postgres_restarted_under_load() {
    const SESSIONS: usize = 60;
    let mut system = Production::set_up_on_own_server(BINARY, &[]);
    system.start_all();
    let (account, key) = account_with_key(&system);
    let apis = [system.api(1), system.api(2)];
    let mut server = system.postgres.take().expect("its own");
    let taken = meanwhile(
        SESSIONS / 3,
        |taken| sign_all(&apis, &account, key, SESSIONS, 8, taken),
        || {
            // As after a crash.
            server.stop(false);
            server.resume().expect("PostgreSQL");
        },
    );
    system.postgres = Some(server);
    assert_eq!(taken.sessions.len(), SESSIONS);
    let completed = assert_all_ended(&system, &taken);
    assert!(completed > SESSIONS / 2, "{completed}");
    system.await_ready();
    account.sign(&apis[0], key);
}

#[test]
fn more_requests_than_connections_are_served_or_put_off() {
    let mut system = Production::set_up(BINARY);
    for service in ["commands-1", "commands-2"] {
        system.change(service, "COUNTERSIGN_DATABASE_MAX_CONNECTIONS", "2");
        system.change(service, "COUNTERSIGN_DATABASE_ACQUIRE_TIMEOUT_MS", "100");
    }
    system.start_all();
    let (account, key) = account_with_key(&system);
    let apis = [system.api(1), system.api(2)];
    let taken = sign_all(&apis, &account, key, 96, 64, |_| ());
    assert_eq!(taken.sessions.len(), 96);
    assert_eq!(taken.unanswered, 0);
    assert_all_ended(&system, &taken);
}

#[test]
fn a_party_that_hears_nothing_for_a_while_catches_up() {
    let mut system = Production::up(BINARY);
    let (account, key) = account_with_key(&system);
    let apis = [system.api(1), system.api(2)];
    system.process("party-carol").signal("STOP");
    let taken = sign_all(&apis, &account, key, 40, 4, |_| ());
    let completed = assert_all_ended(&system, &taken);
    assert!(completed > 0);
    system.process("party-carol").signal("CONT");
    system.await_ready();
    // All three are needed for a new key: it takes part again.
    let (key, _) = account.create_key(&apis[0], 2, 3);
    account.sign(&apis[1], key);
    assert!(histories(&apis[0]).len() >= 43);
}
