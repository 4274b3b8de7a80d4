//! `countersign audit` as an auditor uses it: on a data directory, on a server, and
//! offline.

use std::path::Path;

use countersign_e2e::account::Account;
use countersign_e2e::cli::{self, Ran};
use countersign_e2e::dev::Dev;
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

fn run(folder: &Path, arguments: &[&str]) -> Ran {
    cli::run(BINARY, folder, &[&["audit"], arguments].concat(), &[])
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let ran = run(folder, &[arguments, &["--json"]].concat());
    assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
    ran.json()
}

/// An account with a key that has signed.
fn history(dev: &Dev) {
    let account = Account::new();
    account.register(&dev.api);
    let (key, _) = account.create_key(&dev.api, 2, 3);
    account.sign(&dev.api, key);
}

#[test]
fn an_auditor_takes_a_bundle_away_and_verifies_it_offline() {
    let data = tempfile::tempdir().expect("a folder");
    let away = tempfile::tempdir().expect("a folder");
    let directory = data.path().to_str().expect("a path");
    let dev = Dev::start(BINARY, data.path());
    history(&dev);

    // While the system runs, from its directory and over HTTP.
    let exported = json(
        away.path(),
        &["export", "--data-dir", directory, "--out", "one.cs"],
    );
    let reads = dev.api.reads.clone();
    let over_http = json(away.path(), &["export", "--url", &reads, "--out", "two.cs"]);
    for name in ["events", "root", "origin", "key", "signed_through"] {
        assert_eq!(exported[name], over_http[name], "{name}");
    }
    assert_eq!(exported["signed_through"], exported["events"]);
    let key = exported["key"].as_str().expect("a key");
    let by_url = json(away.path(), &["verify", &reads, "--key", key]);
    assert_eq!(by_url["root"], exported["root"]);
    let checkpoint = run(away.path(), &["checkpoint", "--url", &reads]);
    assert_eq!(checkpoint.code, 0, "{checkpoint:?}");
    std::fs::write(away.path().join("seen"), &checkpoint.stdout).expect("a file");
    let proof = run(away.path(), &["prove", "1", "--url", &reads]);
    assert_eq!(proof.code, 0, "{proof:?}");
    std::fs::write(away.path().join("proof.json"), &proof.stdout).expect("a file");
    assert!(dev.stop().success());
    drop(data);

    // And when nothing of it is left.
    for bundle in ["one.cs", "two.cs"] {
        let told = json(
            away.path(),
            &["verify", bundle, "--key", key, "--checkpoint", "seen"],
        );
        assert_eq!(told["verified"], true);
        assert_eq!(told["events"], exported["events"]);
        assert_eq!(told["keys"], 1);
        assert_eq!(told["sessions"], 2);
        assert!(told["signatures"].as_u64() > Some(5), "{told}");
    }
    let proved = json(away.path(), &["verify", "proof.json", "--key", key]);
    assert_eq!(proved["event_type"], "AccountRegistered");
}

#[test]
fn a_log_that_was_changed_is_refused_with_the_place() {
    let data = tempfile::tempdir().expect("a folder");
    let directory = data.path().to_str().expect("a path");
    let dev = Dev::start(BINARY, data.path());
    history(&dev);
    assert!(dev.stop().success());
    let verify = ["verify", "--data-dir", directory];
    assert_eq!(json(data.path(), &verify)["verified"], true);

    // One letter of the first event, where the database does not look.
    let file = data.path().join("events.db");
    let mut bytes = std::fs::read(&file).expect("the log");
    let name = b"AccountRegistered";
    let places: Vec<_> = (0..bytes.len() - name.len())
        .filter(|at| bytes[*at..].starts_with(name))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at] = b'B';
    }
    std::fs::write(&file, bytes).expect("written");
    let refused = run(data.path(), &verify);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("position 1"), "{}", refused.stderr);
}

#[test]
fn what_cannot_be_audited_is_said_in_one_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let no_server = "http://127.0.0.1:9";
    for (arguments, code, part) in [
        (&["verify", "missing.cs"][..], 2, "missing.cs"),
        (&["verify", no_server], 5, no_server),
        (
            &["export", "--data-dir", ".", "--out", "x"],
            2,
            "data directory",
        ),
        (&["export", "--url", no_server, "--out", "x"], 5, no_server),
        (&["prove", "1", "--bundle", "missing.cs"], 2, "missing.cs"),
    ] {
        let ran = run(folder.path(), arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert_eq!(ran.stdout, "", "{arguments:?}");
        assert_eq!(ran.stderr.trim_end().lines().count(), 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
        assert!(!folder.path().join("x").exists());
    }
    // Two sources, or none, are a matter of usage.
    let two = "cannot be used with";
    for (arguments, says) in [
        (&["export", "--out", "x"][..], "name the log"),
        (&["checkpoint", "--data-dir", ".", "--url", no_server], two),
        (&["checkpoint", "--database", "--url", no_server], two),
        (&["prove", "1"], "name the log"),
        (&["prove", "1", "--bundle", "b", "--database"], two),
        (&["verify"], "BUNDLE|URL"),
        (&["verify", "b", "--database"], two),
        (&["verify", "--database"], "work on the database needs it"),
    ] {
        let ran = run(folder.path(), arguments);
        assert_eq!(ran.code, 2, "{arguments:?}");
        assert!(ran.stderr.contains(says), "{arguments:?}: {}", ran.stderr);
    }
}
