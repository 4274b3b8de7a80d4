//! What `countersign doctor` says of a deployment in which something is wrong, and what
//! is to be done about it.

use std::path::Path;

use countersign_e2e::cli;
use countersign_test_servers::{Nats, database, query};
use serde_json::Value;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

/// Runs `doctor` and returns its checks; it fails exactly when one of them does.
fn doctor(folder: &Path, environment: &[(&str, &str)]) -> Vec<Value> {
    let ran = cli::run(BINARY, folder, &["--json", "doctor"], environment);
    let told = ran.json();
    let checks = told["checks"].as_array().expect("checks").clone();
    let failed = checks.iter().filter(|it| it["status"] == "fail").count();
    assert_eq!(ran.code == 0, failed == 0, "{ran:?}");
    assert_eq!(told["ok"], failed == 0, "{ran:?}");
    checks
}

/// Asserts that a check came out like this, and says so and what is to be done.
fn assert_told(checks: &[Value], check: &str, status: &str, parts: &[&str]) {
    let told = |it: &&Value| {
        let text = format!("{}: {}", it["said"], it["cure"]);
        it["check"] == check
            && it["status"] == status
            && parts.iter().all(|part| text.contains(part))
    };
    assert_eq!(
        checks.iter().filter(told).count(),
        1,
        "{check} {status} {parts:?}: {checks:#?}"
    );
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn without_a_configuration_there_is_nothing_to_examine() {
    let checks = doctor(folder().path(), &[]);
    assert_told(&checks, "deployment", "fail", &["nothing", "--config"]);
}

#[test]
fn servers_that_are_not_there_are_told_each_by_itself() {
    // The discard port, on which nothing listens.
    let checks = doctor(
        folder().path(),
        &[
            ("COUNTERSIGN_DATABASE_URL", "postgres://me@127.0.0.1:9/db"),
            ("COUNTERSIGN_NATS_URLS", "nats://127.0.0.1:9"),
        ],
    );
    assert_told(&checks, "configuration", "ok", &[]);
    assert_told(
        &checks,
        "postgres",
        "fail",
        &[
            "127.0.0.1:9",
            "check host, port and database in database.url",
        ],
    );
    assert_told(
        &checks,
        "nats",
        "fail",
        &["nats://127.0.0.1:9: ", "check nats.urls"],
    );
}

#[test]
fn a_stream_that_nobody_has_made_is_told() {
    let nats = Nats::start().expect("NATS");
    let url = nats.url();
    let checks = doctor(folder().path(), &[("COUNTERSIGN_NATS_URLS", &url)]);
    assert_told(&checks, "nats", "ok", &["reached"]);
    assert_told(
        &checks,
        "stream",
        "fail",
        &["CS_EVENTS", "`countersign commands` makes the stream"],
    );
}

#[tokio::test]
async fn a_schema_that_is_not_there_and_what_is_parked_are_told() {
    let database = database().await;
    let home = folder();
    let environment = [("COUNTERSIGN_DATABASE_URL", &*database.url)];
    let checks = doctor(home.path(), &environment);
    assert_told(&checks, "postgres", "fail", &["countersign migrate"]);

    let migrated = cli::run(BINARY, home.path(), &["migrate"], &environment);
    assert_eq!(migrated.code, 0, "{migrated:?}");
    let checks = doctor(home.path(), &environment);
    assert_told(&checks, "postgres", "ok", &["head is 0"]);
    assert_told(&checks, "clock", "ok", &["0.0"]);
    assert_told(&checks, "projections", "ok", &["sessions: at 0 of 0"]);

    let park = "INSERT INTO read_models.parked
        VALUES ('sessions', 1, 7, 'session', 's', 'SessionTeleported', 1, now(), 'unknown')
        RETURNING reason";
    query(&database.url, park).await.expect("parked");
    let checks = doctor(home.path(), &environment);
    assert_told(
        &checks,
        "projections",
        "fail",
        &[
            "sessions: 1 streams are parked",
            "SessionTeleported",
            "`countersign projections rebuild`",
        ],
    );
    assert_told(&checks, "projections", "ok", &["timeline: at 0 of 0"]);
}

/// Makes a party's vault and its identity, `<name>.json`.
fn init(home: &Path, name: &str, key: &str) {
    let (vault, identity) = (format!("{name}.redb"), format!("{name}.json"));
    let arguments = ["party", "init", "--name", name, "--vault", &vault];
    let rest = ["--master-key-file", key, "--identity-out", &identity];
    let ran = cli::run(BINARY, home, &[&arguments[..], &rest[..]].concat(), &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn what_does_not_fit_a_party_is_told() {
    let home = folder();
    let write = |name: &str, text: &str| {
        std::fs::write(home.path().join(name), text).expect("written");
    };
    write("key", &"5e".repeat(32));
    write("other", &"ff".repeat(32));
    for name in ["alpha", "beta", "gamma"] {
        init(home.path(), name, "key");
    }
    let assemble = ["roster", "assemble", "alpha.json", "beta.json"];
    let rest = ["--out", "roster.json"];
    let ran = cli::run(BINARY, home.path(), &[&assemble[..], &rest].concat(), &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let with = |name: &str, vault: &str, key: &str, roster: &str| {
        let environment = [
            ("COUNTERSIGN_PARTY_NAME", name),
            ("COUNTERSIGN_PARTY_VAULT", vault),
            ("COUNTERSIGN_MASTER_KEY_FILE", key),
            ("COUNTERSIGN_ROSTER", roster),
        ];
        doctor(home.path(), &environment)
    };
    let checks = with("alpha", "alpha.redb", "key", "roster.json");
    assert_told(&checks, "vault", "ok", &["holds 0 shares"]);
    assert_told(&checks, "identity", "ok", &["pins the keys of alpha"]);

    let checks = with("alpha", "alpha.redb", "other", "roster.json");
    assert_told(&checks, "vault", "fail", &["alpha.redb", "master key"]);
    let checks = with("gamma", "gamma.redb", "key", "roster.json");
    assert_told(
        &checks,
        "identity",
        "fail",
        &["does not know gamma", "`countersign roster assemble`"],
    );
    write("torn.json", "{\"version\": 1");
    let checks = with("alpha", "alpha.redb", "key", "torn.json");
    assert_told(&checks, "roster", "fail", &["torn.json"]);
    let checks = with("alpha", "alpha.redb", "key", "none.json");
    assert_told(&checks, "roster", "fail", &["none.json"]);
}
