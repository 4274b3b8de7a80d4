//! Webhooks of `countersign dev`, by the command line.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use countersign_e2e::cli::{self, Ran};
use countersign_e2e::dev::Dev;
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

/// Takes messages, one connection each, and answers 200.
fn receiver() -> (u16, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, messages) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("the same"));
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a line");
                let line = line.trim_end().to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a number");
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("the body");
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).expect("written");
            if sender
                .send(serde_json::from_slice(&body).expect("JSON"))
                .is_err()
            {
                return;
            }
        }
    });
    (port, messages)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {value}"))
}

#[test]
fn a_webhook_is_told_of_an_account_and_again_after_a_restart() {
    let data = tempfile::tempdir().expect("a folder");
    let user = tempfile::tempdir().expect("a folder");
    let (port, messages) = receiver();
    let arguments = [
        "--webhooks-allow-http",
        "--webhooks-allow-ports",
        "443,1024-65535",
        "--webhooks-allow-networks",
        "127.0.0.0/8",
    ];
    let dev = Dev::start_with(BINARY, data.path(), &arguments, &[]);
    let run = |dev: &Dev, arguments: &[&str]| -> Ran {
        let environment = [
            ("COUNTERSIGN_URL", dev.api.commands.as_str()),
            ("COUNTERSIGN_READ_URL", dev.api.reads.as_str()),
            ("COUNTERSIGN_WEBHOOKS_URL", dev.webhooks.as_str()),
        ];
        let arguments = [&["--json"], arguments].concat();
        cli::run(BINARY, user.path(), &arguments, &environment)
    };
    let next = || {
        let message = messages.recv_timeout(Duration::from_secs(60));
        message.expect("a message in time")
    };

    let refused = run(&dev, &["webhook", "add", "https://10.0.0.1/"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(
        refused.stderr.contains("webhooks.allow_networks"),
        "{refused:?}"
    );

    let url = format!("http://127.0.0.1:{port}/hook");
    let id = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
    let add = || run(&dev, &["webhook", "add", &url, "--id", id]);
    let added = add();
    assert_eq!(added.code, 0, "{added:?}");
    let added = added.json();
    assert!(text(&added, "secret").starts_with("whsec_"), "{added}");
    let again = add();
    assert_eq!(again.code, 0, "{again:?}");
    assert_eq!(again.json()["webhook_id"], id);
    assert!(again.json()["secret"].is_null(), "{again:?}");
    let tested = run(&dev, &["webhook", "test", id]);
    assert_eq!(
        (tested.code, &tested.json()["delivered"]),
        (0, &true.into())
    );
    assert_eq!(next()["type"], "webhook.test");

    let account = [
        "account",
        "create",
        "--username",
        "alice",
        "--email",
        "a@b.cd",
    ];
    assert_eq!(run(&dev, &account).code, 0);
    let message = next();
    assert_eq!(message["type"], "AccountRegistered");
    // As the log has it: who registered is sealed.
    let sealed = &message["data"]["payload"]["personal"]["sealed"];
    assert!(sealed.is_string(), "{message}");
    assert!(!message.to_string().contains("alice"), "{message}");

    assert!(dev.stop().success());
    let dev = Dev::start_with(BINARY, data.path(), &arguments, &[]);
    let replayed = run(&dev, &["webhook", "replay", id, "--from", "1"]);
    assert_eq!(replayed.code, 0, "{replayed:?}");
    assert_eq!(next(), message);
    let all = run(&dev, &["webhook", "list"]).json();
    assert_eq!(all["items"][0]["state"], "active");
    let removed = run(&dev, &["webhook", "remove", id]);
    assert_eq!(removed.json()["removed"], true);
    assert_eq!(run(&dev, &["webhook", "show", id]).code, 3);
    assert!(dev.stop().success());
}
