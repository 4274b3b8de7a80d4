//! The tools for those who run a deployment, as far as they need no server.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use countersign_e2e::cli::{self, Ran};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    cli::run(BINARY, folder, arguments, environment)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn config_check_says_all_that_is_wrong_and_what_each_role_lacks() {
    let home = folder();
    std::fs::write(home.path().join("c.toml"), "[nats]\nurl = 'nats://a'\n").expect("written");
    let wrong = [("COUNTERSIGN_DATABASE_MAX_CONNECTIONS", "many")];
    let ran = run(
        home.path(),
        &["config", "check", "--config", "c.toml"],
        &wrong,
    );
    assert_eq!(ran.code, 2, "{ran:?}");
    for part in [
        "2 problems",
        "nats.url: there is no such field (c.toml): did you mean `nats.urls`?",
        "database.max_connections: \"many\" is not a whole number",
        "(COUNTERSIGN_DATABASE_MAX_CONNECTIONS)",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }

    let ran = run(home.path(), &["config", "check"], &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout
            .contains("projector  lacks database.url, nats.urls"),
        "{ran:?}"
    );
    let ran = run(home.path(), &["config", "check", "--role", "party"], &[]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("COUNTERSIGN_PARTY_VAULT"), "{ran:?}");
    let json = ["--json", "config", "check", "--role", "migrate"];
    let ran = run(home.path(), &json, &[]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert_eq!(ran.json()["problems"][0]["field"], "database.url");
}

#[test]
fn config_show_tells_values_and_sources_and_no_secret() {
    let home = folder();
    let url = "postgres://app:hunter2@db/countersign";
    let environment = [("COUNTERSIGN_DATABASE_URL", url)];
    let arguments = [
        "--json",
        "config",
        "show",
        "--set",
        "shutdown.drain_seconds=3",
    ];
    let ran = run(home.path(), &arguments, &environment);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!ran.stdout.contains("hunter2"), "{ran:?}");
    let fields = ran.json();
    let field = |name: &str| -> Value {
        let mut fields = fields.as_array().into_iter().flatten();
        let found = fields.find(|field| field["field"] == name);
        found
            .cloned()
            .unwrap_or_else(|| panic!("{name} in {fields:?}"))
    };
    assert_eq!(field("database.url")["value"], "(secret)");
    assert_eq!(field("database.url")["source"], "COUNTERSIGN_DATABASE_URL");
    assert_eq!(field("shutdown.drain_seconds")["value"], "3");
    assert_eq!(field("shutdown.drain_seconds")["source"], "--set");
    assert_eq!(field("commands.listen")["source"], "default");
}

#[test]
fn a_role_without_its_configuration_ends_with_what_it_lacks() {
    let home = folder();
    for (role, lacks) in [
        ("commands", "commands.coordinator_secret"),
        ("commands", "personal.hash_key"),
        ("read-api", "personal.hash_key"),
        ("projector", "database.url"),
        ("read-api", "roster"),
        ("party", "party.vault"),
        ("migrate", "database.url"),
        ("webhooks", "webhooks.secret_key"),
    ] {
        let ran = run(home.path(), &[role], &[]);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stderr.contains(lacks), "{role}: {ran:?}");
    }
}

#[test]
fn a_party_is_set_up_once_and_its_identity_goes_into_the_roster() {
    let home = folder();
    std::fs::write(home.path().join("key"), "5e".repeat(32)).expect("written");
    let init = |name: &str, key: &str| {
        let vault = format!("{name}/vault.redb");
        let out = format!("{name}.json");
        let arguments = ["party", "init", "--name", name, "--vault", &vault];
        let rest = ["--master-key-file", key, "--identity-out", &out];
        run(home.path(), &[&arguments[..], &rest[..]].concat(), &[])
    };
    let made = init("alpha", "key");
    assert_eq!(made.code, 0, "{made:?}");
    assert_eq!(made.json()["party"], "alpha");
    let again = init("alpha", "key");
    assert_eq!(again.json(), made.json());
    let written = std::fs::read_to_string(home.path().join("alpha.json")).expect("the file");
    let written: Value = serde_json::from_str(&written).expect("JSON");
    assert_eq!(written, made.json());
    std::fs::write(home.path().join("other"), "ff".repeat(32)).expect("written");
    let refused = init("alpha", "other");
    assert_eq!(refused.code, 6, "{refused:?}");

    assert_eq!(init("beta", "key").code, 0);
    let assemble = [
        "roster",
        "assemble",
        "alpha.json",
        "beta.json",
        "--out",
        "roster.json",
    ];
    let ran = run(home.path(), &[&["--json"], &assemble[..]].concat(), &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let shown = run(
        home.path(),
        &["--json", "roster", "show", "roster.json"],
        &[],
    );
    assert_eq!(shown.json()["fingerprint"], ran.json()["fingerprint"]);

    let environment = [
        ("COUNTERSIGN_PARTY_NAME", "alpha"),
        ("COUNTERSIGN_PARTY_VAULT", "alpha/vault.redb"),
        ("COUNTERSIGN_MASTER_KEY_FILE", "key"),
        ("COUNTERSIGN_ROSTER", "roster.json"),
    ];
    let ran = run(home.path(), &["party", "identity"], &environment);
    assert_eq!(ran.json(), made.json());
    let ran = run(home.path(), &["doctor"], &environment);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout.contains("the roster pins the keys of alpha"),
        "{ran:?}"
    );
}

#[test]
fn a_role_that_waits_ends_at_once_when_told() {
    let home = folder();
    let mut child = Command::new(BINARY)
        .args(["projector"])
        .env("COUNTERSIGN_DATABASE_URL", "postgres://me@127.0.0.1:9/db")
        .env("COUNTERSIGN_NATS_URLS", "nats://127.0.0.1:9")
        .env("COUNTERSIGN_LOG_FORMAT", "json")
        .current_dir(home.path())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(
        child.stderr.take().expect("stderr"),
    ));
    let waiting = lines.find(|line| {
        line.as_ref()
            .is_ok_and(|l| l.contains("waiting for PostgreSQL"))
    });
    let line: Value = serde_json::from_str(&waiting.expect("a line").expect("text")).expect("JSON");
    assert_eq!(line["level"], "WARN");
    let pid = child.id().to_string();
    assert!(countersign_test_servers::signal(&pid, "TERM"));
    let since = Instant::now();
    // What it still says is read, so that it is not held up.
    lines.for_each(drop);
    let status = child.wait().expect("its end");
    assert_eq!(status.code(), Some(0));
    assert!(since.elapsed() < Duration::from_secs(30));
}
