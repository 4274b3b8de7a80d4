//! `countersign dev` and the client commands against it.

use std::path::Path;

use countersign_domain::bytes::{Digest, PublicKey};
use countersign_domain::path::DerivationPath;
use countersign_domain::signature::Signature;
use countersign_e2e::cli::{self, Ran};
use countersign_e2e::dev::Dev;
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

/// A terminal of a user: a folder, and the environment that names the server.
struct Terminal<'a> {
    folder: &'a Path,
    dev: &'a Dev,
}

impl Terminal<'_> {
    fn run(&self, arguments: &[&str]) -> Ran {
        let roster = self.dev.roster();
        let environment = [
            ("COUNTERSIGN_URL", self.dev.api.commands.as_str()),
            ("COUNTERSIGN_READ_URL", self.dev.api.reads.as_str()),
            ("COUNTERSIGN_ROSTER", roster.to_str().expect("a path")),
        ];
        cli::run(BINARY, self.folder, arguments, &environment)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[&["--json"], arguments].concat());
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
        ran.json()
    }

    /// A command that is refused: its exit code and its one sentence.
    fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let ran = self.run(arguments);
        assert_ne!(ran.code, 0, "{arguments:?}: {ran:?}");
        assert_eq!(ran.stdout, "");
        assert_eq!(ran.stderr.trim_end().lines().count(), 1, "{}", ran.stderr);
        (ran.code, ran.stderr)
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {value}"))
}

fn verify(signed: &Value) {
    let signature: Signature = serde_json::from_value(signed.clone()).expect("r, s, v");
    let digest: Digest = text(signed, "digest").parse().expect("a digest");
    let key: PublicKey = text(signed, "public_key").parse().expect("a key");
    signature.verify(&digest, &key).expect("it verifies");
}

#[test]
fn a_user_makes_a_key_signs_and_finds_everything_again_after_a_crash() {
    let (data, home) = (
        tempfile::tempdir().expect("a"),
        tempfile::tempdir().expect("b"),
    );
    let dev = Dev::start(BINARY, data.path());
    let user = Terminal {
        folder: home.path(),
        dev: &dev,
    };
    let create = [
        "account",
        "create",
        "--username",
        "alice",
        "--email",
        "alice@example.com",
    ];
    let account = user.json(&create);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(home.path().join("countersign-auth.jwk"))
            .expect("the key file")
            .permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(user.json(&["account", "show"])["username"], "alice");

    let key = user.json(&["key", "create"]);
    let id = text(&key, "key_id");
    let page = dev.api.get(&format!("/console/keys/{id}"));
    assert_eq!(page.status, 200);
    assert_eq!(page.content_type, "text/html; charset=utf-8");
    assert_eq!(key["status"], "completed");
    let request = [
        "sign",
        "--key",
        id,
        "--message",
        "hello",
        "--request-id",
        "invoice-7",
    ];
    let signed = user.json(&request);
    verify(&signed);
    assert_eq!(signed["public_key"], key["public_key"]);

    let path: DerivationPath = "m/44/60/0/0/1".parse().expect("a path");
    let child = user.json(&[
        "sign",
        "--key",
        id,
        "--message",
        "hello",
        "--path",
        "m/44/60/0/0/1",
    ]);
    verify(&child);
    let derived = path.derive(
        &text(&key, "public_key").parse().expect("a key"),
        &text(&key, "chain_code").parse().expect("a chain code"),
    );
    assert_eq!(
        text(&child, "public_key"),
        derived.expect("a child").to_string()
    );

    let head = dev.api.head();
    let parties = user.json(&["party", "list"]);
    assert_eq!(parties.as_array().map(Vec::len), Some(3));
    assert!(
        parties
            .as_array()
            .expect("parties")
            .iter()
            .all(|p| p["present"] == true)
    );
    let session = user.json(&["session", "show", text(&signed, "session_id"), "--follow"]);
    assert_eq!(session["status"], "completed");
    let timeline = &session["timeline"];
    assert_eq!(timeline["session_id"], signed["session_id"]);
    assert_eq!(timeline["phases"][0]["phase"], "gathering");
    // A signature is made before anybody could look; a key takes its time, and the
    // parties tell of their rounds.
    let made = text(&key, "session_id");
    let session = user.json(&["session", "show", made]);
    let rounds = session["timeline"]["phases"][1]["steps"].as_array();
    assert!(rounds.is_some_and(|rounds| !rounds.is_empty()), "{session}");
    let shown = user.run(&["session", "show", made]);
    assert_eq!(shown.code, 0, "{shown:?}");
    for line in ["\ntimeline      ", "\n  gathering  ", "\n    round 1  "] {
        assert!(shown.stdout.contains(line), "{line:?} in\n{}", shown.stdout);
    }
    assert!(!shown.stdout.contains('\u{1b}'), "colours, and no terminal");

    // Of the two sessions' many events, the end of the one that made the key.
    let followed = user.run(&[
        "--json",
        "events",
        "--follow",
        "--type",
        "SessionCompleted",
        "--key",
        id,
        "--limit",
        "1",
    ]);
    assert_eq!(followed.code, 0, "{followed:?}");
    let followed = followed.json();
    assert_eq!(followed["event_type"], "SessionCompleted");
    assert_eq!(followed["aggregate_id"], key["session_id"]);
    let (code, said) = user.refused(&["events", "--follow", "--limit", "1", "--after", "999999"]);
    assert_eq!(code, 3);
    assert!(said.contains("position_beyond_head"), "{said}");
    dev.crash();

    let dev = Dev::start(BINARY, data.path());
    let user = Terminal {
        folder: home.path(),
        dev: &dev,
    };
    assert_eq!(dev.api.head(), head, "nothing lost, nothing added");
    // The same request again is the same signature, not a second one.
    let again = user.json(&request);
    for field in ["session_id", "r", "s", "v", "digest"] {
        assert_eq!(again[field], signed[field], "{field}");
    }
    assert_eq!(dev.api.head(), head);
    let other = user.json(&["sign", "--key", id, "--message", "after the crash"]);
    verify(&other);
    assert_eq!(other["public_key"], key["public_key"]);
    let listed = user.json(&["key", "list"]);
    assert_eq!(listed[0]["key_id"], key["key_id"]);
    assert_eq!(listed[0]["account_id"], account["account_id"]);
    let events = user.run(&["--json", "events", "--after", "1", "--limit", "3"]);
    let positions: Vec<u64> = events
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("an event"))
        .map(|event| event["position"].as_u64().expect("a position"))
        .collect();
    assert_eq!(positions, [2, 3, 4]);
    assert!(dev.stop().success());
}

#[test]
fn refusals_reach_the_user_as_one_sentence_and_an_exit_code() {
    let (data, home) = (
        tempfile::tempdir().expect("a"),
        tempfile::tempdir().expect("b"),
    );
    let dev = Dev::start(BINARY, data.path());
    let user = Terminal {
        folder: home.path(),
        dev: &dev,
    };
    let (code, message) = user.refused(&["key", "create"]);
    assert_eq!(code, 2);
    assert!(message.contains("countersign account create"), "{message}");

    user.json(&[
        "account",
        "create",
        "--username",
        "alice",
        "--email",
        "alice@example.com",
    ]);
    let email = ["--email", "ALICE@example.com", "--auth-key", "second.jwk"];
    let taken = [&["account", "create", "--username", "bob"][..], &email].concat();
    let (code, message) = user.refused(&taken);
    assert_eq!(code, 3);
    assert!(message.contains("email_taken"), "{message}");
    assert!(
        !home.path().join("second.jwk").exists(),
        "a key file of no account"
    );

    let key = user.json(&["key", "create", "--threshold", "2", "--parties", "2"]);
    let id = text(&key, "key_id");
    user.json(&["key", "freeze", id]);
    let sign = ["sign", "--key", id, "--message", "x"];
    let (code, message) = user.refused(&sign);
    assert_eq!(code, 3);
    assert!(message.contains("frozen"), "{message}");
    user.json(&["key", "unfreeze", id]);
    user.json(&["account", "suspend"]);
    let (code, message) = user.refused(&sign);
    assert_eq!(code, 3);
    assert!(message.contains("suspended"), "{message}");
    user.json(&["account", "reactivate"]);

    let head = dev.api.head();
    let many = ["key", "create", "--threshold", "2", "--parties", "4"];
    let (code, message) = user.refused(&many);
    assert_eq!(code, 3);
    assert!(message.contains("parties"), "{message}");
    assert_eq!(user.refused(&["key", "create", "--threshold", "9"]).0, 2);
    assert_eq!(
        user.refused(&["key", "show", "00000000-0000-0000-0000-000000000000"])
            .0,
        3
    );
    assert_eq!(dev.api.head(), head, "refusals leave no event");

    // A roster that is not the parties': the key is not what it seems.
    let mut roster: Value =
        serde_json::from_slice(&std::fs::read(dev.roster()).expect("a file")).expect("JSON");
    // The key's two parties may be any of the three.
    for (at, party) in (1..).zip(roster["parties"].as_array_mut().expect("parties")) {
        party["sign_key"] = party["seal_key"].clone();
        party["seal_key"] = format!("{at:064x}").into();
    }
    std::fs::write(home.path().join("other.json"), roster.to_string()).expect("a file");
    let (code, message) = user.refused(&[&sign[..], &["--roster", "other.json"]].concat());
    assert_eq!(code, 7, "{message}");
    assert!(message.contains("identity keys of party"), "{message}");

    let nobody = ["--url", "http://127.0.0.1:9", "account", "suspend"];
    let arguments = [&nobody[2..], &nobody[..2]].concat();
    let (code, message) = user.refused(&arguments);
    assert_eq!(code, 5);
    assert!(message.contains("is the server up"), "{message}");
}

#[test]
fn damaged_or_foreign_data_is_named_and_nothing_starts() {
    let data = tempfile::tempdir().expect("a folder");
    let key = "11".repeat(32);
    let environment = [("COUNTERSIGN_MASTER_KEY", key.as_str())];
    let dev = Dev::start_with(BINARY, data.path(), &[], &environment);
    let start = |environment: &[(&str, &str)]| {
        let listen = [
            "--listen",
            "127.0.0.1:0",
            "--read-listen",
            "127.0.0.1:0",
            "--webhooks-listen",
            "127.0.0.1:0",
        ];
        let arguments = [&["dev", "--data-dir", "."][..], &listen].concat();
        let ran = cli::run(BINARY, data.path(), &arguments, environment);
        assert_eq!(ran.code, 6, "{ran:?}");
        assert_eq!(ran.stderr.trim_end().lines().count(), 1, "{}", ran.stderr);
        ran.stderr
    };
    let in_use = start(&environment);
    assert!(in_use.contains("in use"), "{in_use}");
    assert!(dev.stop().success());

    let other = "22".repeat(32);
    let wrong = start(&[("COUNTERSIGN_MASTER_KEY", other.as_str())]);
    assert!(wrong.contains("master key"), "{wrong}");
    let none = start(&[]);
    assert!(none.contains("COUNTERSIGN_MASTER_KEY"), "{none}");

    for file in ["parties/party-2/vault.redb", "events.db", "roster.json"] {
        let path = data.path().join(file);
        let whole = std::fs::read(&path).expect("a file");
        std::fs::write(&path, &whole[..whole.len() / 2]).expect("a file");
        let message = start(&environment);
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        assert!(message.contains(name), "{file}: {message}");
        std::fs::write(&path, whole).expect("a file");
    }
    // Mended, it starts again.
    assert!(
        Dev::start_with(BINARY, data.path(), &[], &environment)
            .stop()
            .success()
    );
}

/// Whether a file of a folder holds a text.
fn holds(folder: &std::path::Path, text: &str) -> bool {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .any(|path| {
            if path.is_dir() {
                return holds(&path, text);
            }
            let bytes = std::fs::read(&path).unwrap_or_default();
            bytes
                .windows(text.len())
                .any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
        })
}

#[test]
fn an_erased_account_leaves_its_name_nowhere_and_the_log_verifies() {
    let (data, home) = (
        tempfile::tempdir().expect("a"),
        tempfile::tempdir().expect("b"),
    );
    let dev = Dev::start(BINARY, data.path());
    let user = Terminal {
        folder: home.path(),
        dev: &dev,
    };
    let names = [
        "--username",
        "wilhelmina",
        "--email",
        "mina@transylvania.example",
    ];
    let create = |auth: &str| {
        let arguments = [&["account", "create"][..], &names, &["--auth-key", auth]].concat();
        user.json(&arguments)
    };
    create("first.jwk");
    let auth = ["--auth-key", "first.jwk"];
    let show = || user.json(&[&["account", "show"][..], &auth].concat());
    assert_eq!(show()["username"], "wilhelmina");
    for name in ["wilhelmina", "transylvania"] {
        assert!(!holds(data.path(), name), "{name}");
    }
    user.json(&[&["account", "erase", "--yes"][..], &auth].concat());
    let shown = show();
    assert_eq!(shown["erased"], true);
    assert_eq!(shown["status"], "closed");
    assert!(shown["username"].is_null() && shown["email"].is_null());

    // The names are free, and the log is whole.
    create("second.jwk");
    let root = data.path().display().to_string();
    let counts = |summary: &serde_json::Value| {
        let count = |name: &str| summary[name].as_u64().expect("a number");
        (
            count("registrations_opened"),
            count("registrations_sealed"),
            count("accounts_erased"),
        )
    };
    let directory = user.json(&["audit", "verify", "--data-dir", &root]);
    assert_eq!(counts(&directory), (1, 0, 1));
    let key = std::fs::read_to_string(data.path().join("checkpoint.pub")).expect("a key");
    for (more, expected) in [
        (&[][..], (0, 1, 1)),
        (&["--with-personal-keys"][..], (1, 0, 1)),
    ] {
        let file = format!("bundle-{}", more.len());
        let export = ["audit", "export", "--data-dir", &root, "--out", &file];
        user.json(&[&export[..], more].concat());
        let verified = user.json(&["audit", "verify", &file, "--key", key.trim()]);
        assert_eq!(verified["verified"], true);
        assert_eq!(counts(&verified), expected);
    }
    assert!(dev.stop().success());
    for name in ["wilhelmina", "transylvania"] {
        assert!(!holds(data.path(), name), "{name}");
    }
}
