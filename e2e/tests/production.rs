//! All roles as processes of their own, from `docker-compose.yml`, on real servers.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign_domain::ids::KeyId;
use countersign_e2e::account::Account;
use countersign_e2e::compose::repository;
use countersign_e2e::production::Production;
use countersign_e2e::sessions::{assert_ended_once, ended, until};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

/// A registered account with a 2-of-3 key.
fn account_with_key(system: &Production) -> (Account, KeyId) {
    let account = Account::new();
    account.register(&system.api(1));
    let (key, _) = account.create_key(&system.api(1), 2, 3);
    (account, key)
}

/// Waits until all parties are shown as present.
fn await_parties(system: &Production) {
    until("all parties are present", || {
        let parties = system.api(1).get("/v1/parties").body;
        let parties = parties["items"].as_array()?.clone();
        let present = |party: &Value| party["present"] == true && party["roster_matches"] == true;
        (parties.len() == 3 && parties.iter().all(present)).then_some(())
    });
}

#[test]
fn keys_are_made_and_used_at_either_replica_and_both_show_the_same() {
    let system = Production::up(BINARY);
    let (account, key) = account_with_key(&system);
    let signed = account.sign(&system.api(2), key);
    let position = &signed["position"];
    let session = signed["session_id"].as_str().expect("an id");
    for path in [
        format!("/v1/keys/{key}?min_position={position}"),
        format!("/v1/sessions/{session}?min_position={position}"),
        format!("/v1/accounts/{}?min_position={position}", account.id),
        format!("/v1/accounts/{}/keys?min_position={position}", account.id),
        "/v1/roster".to_owned(),
        "/v1/events".to_owned(),
    ] {
        let (one, two) = (system.api(1).get(&path), system.api(2).get(&path));
        assert_eq!(one.status, 200, "{path}: {}", one.body);
        assert_eq!(one.body, two.body, "{path}");
    }
    await_parties(&system);
}

#[test]
fn checkpoints_are_signed_by_one_projector_after_the_other_and_served_by_all() {
    let mut system = Production::up(BINARY);
    let (account, key) = account_with_key(&system);
    let signed_through = |system: &Production, replica: u8, position: u64| {
        until("the newest checkpoint covers the signature", || {
            let newest = system.api(replica).get("/v1/checkpoints/latest");
            (newest.body["size"].as_u64() >= Some(position)).then_some(newest.body)
        })
    };
    let head = |signed: &Value| signed["position"].as_u64().expect("a position");
    let signed = account.sign(&system.api(1), key);
    for replica in [1, 2] {
        let newest = signed_through(&system, replica, head(&signed));
        assert_eq!(newest["origin"], "countersign.local/log");
    }
    // Whoever holds the lease is killed: the other goes on from the same files.
    let (service, _) = until("somebody signs", || {
        projector_lease(&mut system, "checkpointer")
    });
    system.kill(service);
    let signed = account.sign(&system.api(2), key);
    let newest = signed_through(&system, 1, head(&signed));

    // An auditor verifies over HTTP, with the key that the operator gave away.
    let key = newest["key"].as_str().expect("a key");
    let mut audit = Command::new(BINARY);
    audit.args(["--json", "audit", "verify"]);
    audit.args([&system.api(1).reads, "--key", key]);
    let told = printed(audit);
    assert_eq!(told["verified"], true, "{told}");
    assert_eq!(
        told["signed_by"],
        serde_json::json!(["countersign.local/log"])
    );
    assert!(told["events"].as_u64() >= Some(head(&signed)), "{told}");
    assert_eq!(told["registrations_sealed"], 1);
}

#[test]
fn the_console_of_either_replica_shows_the_deployment() {
    let system = Production::up(BINARY);
    await_parties(&system);
    let (account, key) = account_with_key(&system);
    let signed = account.sign(&system.api(1), key);
    let session = signed["session_id"].as_str().expect("an id");
    let key = key.to_string();
    for replica in [1, 2] {
        let api = system.api(replica);
        for (path, parts) in [
            ("/console/sessions", &[session, "completed"][..]),
            ("/console/keys", &[&key, "active"]),
            ("/console/parties", &["alpha", "bravo", "carol"]),
            ("/console/events", &["SessionCompleted", "SessionStarted"]),
        ] {
            let page = api.page(path);
            for part in parts {
                assert!(page.contains(part), "{path}: {part}: {page}");
            }
        }
        // What comes from others than the database: the relay, and who signs.
        until("the relay is heard of", || {
            let page = api.page("/console/");
            (!page.contains("nothing was heard of the relay")).then_some(())
        });
        until("the root of the log is the one signed", || {
            let page = api.page("/console/audit");
            let all = ["countersign.local/log", "is the one signed"];
            all.iter().all(|part| page.contains(part)).then_some(())
        });
    }
}

#[test]
fn an_operator_exports_from_the_database_what_proves_every_intent() {
    let system = Production::up(BINARY);
    let (account, key) = account_with_key(&system);
    account.sign(&system.api(1), key);
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = folder.path().join("log.bundle");
    let bundle = bundle.to_str().expect("a path");
    let tool = |arguments: &[&str]| {
        let arguments = [&["--json", "audit"], arguments].concat();
        system.tool("projector-1", &arguments)
    };
    let exported = printed(tool(&[
        "export",
        "--database",
        "--with-personal-keys",
        "--out",
        bundle,
    ]));
    assert_eq!(exported["personal_keys"], 1);
    assert_eq!(exported["signed_through"], exported["events"]);
    // Whoever has the keys checks the registration too, with no server.
    let signed_by = exported["key"].as_str().expect("a key");
    let mut offline = Command::new(BINARY);
    offline.args(["--json", "audit", "verify", bundle, "--key", signed_by]);
    let told = printed(offline);
    assert_eq!(told["events"], exported["events"]);
    assert_eq!(told["registrations_opened"], 1);
    assert_eq!(told["registrations_sealed"], 0);
    let in_place = printed(tool(&["verify", "--database"]));
    assert_eq!(in_place["registrations_opened"], 1);
    let newest = printed(tool(&["checkpoint", "--database"]));
    assert_eq!(newest["key"], exported["key"]);
    assert_eq!(printed(tool(&["prove", "1", "--database"]))["position"], 1);
    // Without keys nobody reads it, and the summary says what was not checked.
    let plain = folder.path().join("plain.bundle");
    let plain = plain.to_str().expect("a path");
    printed(tool(&["export", "--database", "--out", plain]));
    let mut offline = Command::new(BINARY);
    offline.args(["--json", "audit", "verify", plain, "--key", signed_by]);
    assert_eq!(printed(offline)["registrations_sealed"], 1);
    // A service whose configuration has no checkpoints says what it lacks.
    let refused = system.tool("read-api-1", &["audit", "verify", "--database"]);
    let refused = { refused }.output().expect("it runs");
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("checkpoints.folder is not set"), "{said}");
}

/// The JSON that a command printed, which succeeded.
fn printed(mut command: Command) -> Value {
    let ran = command.output().expect("the binary starts");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command:?}: {said}");
    serde_json::from_slice(&ran.stdout).expect("JSON")
}

#[test]
fn the_demo_of_the_compose_file_makes_a_key_and_signs() {
    let system = Production::up(BINARY);
    await_parties(&system);
    let (status, said) = system.run("demo", &["--json"]);
    assert!(status.success(), "{said}");
    let told: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(told["threshold"], 2);
    assert_eq!(
        told["signatures"].as_array().map(Vec::len),
        Some(1),
        "{told}"
    );
}

#[test]
fn the_check_of_a_container_sees_what_a_process_says() {
    let mut system = Production::set_up(BINARY);
    let check = |system: &Production| {
        let port = system.port("party-alpha", 9090).to_string();
        let script = repository().join("deploy/healthcheck");
        let run = Command::new(script).arg(port).output();
        run.expect("it runs").status.success()
    };
    assert!(!check(&system), "nobody is there");
    system.start("party-alpha").await_ready();
    assert!(check(&system));
    system.nats.stop();
    until("the party waits for NATS", || {
        (!check(&system)).then_some(())
    });
}

#[test]
fn processes_start_in_any_order() {
    let mut system = Production::set_up(BINARY);
    system.nats.stop();
    for early in ["party-carol", "read-api-2", "projector-2", "commands-2"] {
        system.start(early);
    }
    until("a party says what it waits for", || {
        let said = system.process("party-carol").said();
        said.contains("waiting for NATS").then_some(())
    });
    system.nats.resume().expect("NATS");
    for late in [
        "read-api-1",
        "commands-1",
        "party-alpha",
        "projector-1",
        "party-bravo",
    ] {
        system.start(late);
    }
    system.await_ready();
    let (account, key) = account_with_key(&system);
    account.sign(&system.api(2), key);
}

#[test]
fn every_process_stops_in_order_and_comes_back() {
    let mut system = Production::up(BINARY);
    let (account, key) = account_with_key(&system);
    for service in system.roles() {
        let status = system.stop(&service);
        assert_eq!(status.code(), Some(0), "{service}");
        // Whoever is left goes on without it.
        let other = if service == "commands-1" { 2 } else { 1 };
        account.sign(&system.api(other), key);
        system.start(&service).await_ready();
        account.sign(&system.api(3 - other), key);
    }
    // And all at once.
    for service in system.roles() {
        assert_eq!(system.stop(&service).code(), Some(0), "{service}");
    }
    system.start_all();
    account.sign(&system.api(1), key);
    assert_ended_once(&system.api(1), 20);
}

#[test]
fn a_killed_replica_takes_no_session_with_it_and_none_is_doubled() {
    const SESSIONS: usize = 40;
    let mut system = Production::up(BINARY);
    let (account, key) = account_with_key(&system);
    let path = format!("/v1/keys/{key}/signatures");
    let intents: Vec<_> = (0..SESSIONS)
        .map(|number| account.sign_intent(key, &format!("before-the-crash-{number}")))
        .collect();
    // Most are asked of the one that is about to be killed, and it is killed while
    // the parties are at work on them.
    let taken: Vec<_> = intents
        .iter()
        .map(|intent| system.api(1).post(&path, intent, 0))
        .collect();
    system.kill("commands-1");
    let sessions: Vec<_> = taken
        .iter()
        .map(|answer| {
            assert_eq!(answer.status, 202, "{}", answer.body);
            answer.body["session_id"]
                .as_str()
                .expect("an id")
                .to_owned()
        })
        .collect();
    for session in &sessions {
        let session = ended(&system.api(2), session);
        assert_eq!(session["status"], "completed", "{session}");
    }
    // The same requests again, of the other one, have the same results.
    for (intent, session) in intents.iter().zip(&sessions) {
        let again = system.api(2).post(&path, intent, 60).body;
        assert_eq!(again["session_id"], session.as_str());
        assert_eq!(again["status"], "completed");
    }
    assert_ended_once(&system.api(2), SESSIONS);
    system.start("commands-1").await_ready();
    account.sign(&system.api(1), key);
}

/// Which projector holds the lease, by the process id in its name, and how many
/// milliseconds are left of it by the clock of the database.
fn projector_lease(system: &mut Production, lease: &str) -> Option<(&'static str, f64)> {
    let rows = system.query(&format!(
        "SELECT holder || ' ' || (1000 * extract(epoch FROM expires_at - clock_timestamp()))::text \
         FROM leases WHERE name = '{lease}' AND expires_at > clock_timestamp()",
    ));
    let (holder, left) = rows.first()?.rsplit_once(' ')?;
    let left = left.parse().expect("a number");
    ["projector-1", "projector-2"]
        .into_iter()
        .find(|name| {
            let pid = system.try_process(name).map(|process| process.pid());
            pid.is_some_and(|pid| holder.contains(&format!("-{pid}-")))
        })
        .map(|name| (name, left))
}

#[test]
fn the_standby_takes_over_from_a_projector_that_is_killed() {
    let mut system = Production::up(BINARY);
    let account = Account::new();
    account.register(&system.api(1));
    let (active, _) = until("a projector has the lease", || {
        projector_lease(&mut system, "projector")
    });
    let (_, left) = projector_lease(&mut system, "projector").expect("it renews its lease");
    system.kill(active);
    // The lease says how long nobody else may take over, whatever the machine does.
    assert!(left < 5_000.0, "the lease would last {left} ms more");
    let standby = until("the standby has the lease", || {
        projector_lease(&mut system, "projector")
    })
    .0;
    assert_ne!(standby, active);
    // What happens now is shown.
    let other = Account::new();
    other.register(&system.api(1));
    until("the new account is shown", || {
        let answer = system.api(2).get(&format!("/v1/accounts/{}", other.id));
        (answer.status == 200).then_some(())
    });
}

#[test]
fn a_rebuild_disturbs_no_reader() {
    let system = Production::up(BINARY);
    let (account, key) = account_with_key(&system);
    let signed = account.sign(&system.api(1), key);
    let position = signed["position"].as_u64().expect("a position");
    let session = signed["session_id"].as_str().expect("an id");
    let paths = [
        format!("/v1/keys/{key}?min_position={position}"),
        format!("/v1/sessions/{session}?min_position={position}"),
        format!("/v1/accounts/{}?min_position={position}", account.id),
        format!("/v1/accounts/{}/keys", account.id),
    ];
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for replica in [1, 2] {
            let (system, paths, stop) = (&system, &paths, &stop);
            scope.spawn(move || {
                let api = system.api(replica);
                let shown = |path: &String| {
                    let mut body = api.get(path).body;
                    // How far the read models are goes on by itself.
                    body.as_object_mut().map(|fields| fields.remove("position"));
                    body
                };
                let first: Vec<_> = paths.iter().map(shown).collect();
                assert!(first[3]["items"].as_array().is_some_and(|it| it.len() == 1));
                while !stop.load(Ordering::Relaxed) {
                    let now: Vec<_> = paths.iter().map(shown).collect();
                    assert_eq!(now, first);
                }
            });
        }
        for _ in 0..3 {
            let rebuilt = system.tool("projector-1", &["projections", "rebuild", "all"]);
            assert_success(rebuilt);
            Account::new().register(&system.api(1));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_success(system.tool("projector-1", &["projections", "verify"]));
    assert_success(system.tool("projector-1", &["projections", "status"]));
}

#[test]
fn operators_see_that_all_is_well() {
    let system = Production::up(BINARY);
    let (account, key) = account_with_key(&system);
    account.sign(&system.api(1), key);
    await_parties(&system);
    for (service, metrics) in [
        ("commands-1", "countersign_append_seconds"),
        ("commands-2", "countersign_log_head_position"),
        ("projector-1", "countersign_projection_leader"),
        ("read-api-1", "countersign_http_request_seconds"),
        ("party-alpha", "countersign_ceremonies_running"),
    ] {
        let shown = system.metrics(service);
        assert!(shown.contains(metrics), "{service}: {metrics}:\n{shown}");
    }
    for service in ["commands-1", "read-api-1", "projector-1"] {
        assert_success(system.tool(
            service,
            &["doctor", "--role", service.trim_end_matches("-1")],
        ));
    }
}

fn assert_success(mut command: Command) {
    let ran = command.output().expect("the binary starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        ran.status.success(),
        "{command:?}: {}\n{}\n{}",
        ran.status,
        text(&ran.stdout),
        text(&ran.stderr)
    );
}
