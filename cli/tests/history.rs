//! `replay` and `diff` on a data directory.

use std::path::Path;

use countersign_domain::account::AccountEvent;
use countersign_domain::auth_key::AuthSigner;
use countersign_domain::decider::StoredEvent as _;
use countersign_domain::ids::AccountId;
use countersign_domain::personal::{Personal, PersonalData};
use countersign_domain::quorum::Quorum;
use countersign_e2e::cli::{self, Ran};
use countersign_event_store::{
    Append, EventLog as _, ExpectedVersion, Metadata, NewEvent, SqliteLog, StreamAppend, StreamId,
};
use serde_json::Value;
use uuid::Uuid;
use zeroize::Zeroizing;

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

/// When the first event was recorded, and a second for each after it.
const BEGAN: i64 = 1_750_000_000;

fn auth(number: u8) -> AuthSigner {
    AuthSigner::ed25519(&Zeroizing::new([number; 32]))
}

fn account(number: u8) -> AccountId {
    AccountId::of(&auth(number).public().thumbprint())
}

/// A data directory in `data`: two accounts, the first of them suspended at position 3
/// and reactivated at position 4, and so on up to `events`.
fn data(folder: &Path, events: usize) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let data = folder.join("data");
    std::fs::create_dir_all(&data).expect("a folder");
    runtime.block_on(async {
        let log = SqliteLog::open(data.join("events.db"))
            .await
            .expect("a log");
        for number in 0..events {
            let intent = "an.intent.jws".to_owned();
            let (who, event) = match number {
                0 | 1 => {
                    let who = if number == 0 { 1 } else { 2 };
                    let event = AccountEvent::AccountRegistered {
                        personal: Personal::Open(PersonalData {
                            username: format!("user-{who}"),
                            email: format!("user-{who}@example.com"),
                            intent,
                        }),
                        auth_key: auth(who).public(),
                        quorum: Quorum::new(2, 3).expect("2-of-3"),
                    };
                    (who, event)
                }
                number if number % 2 == 0 => (1, AccountEvent::AccountSuspended { intent }),
                _ => (1, AccountEvent::AccountReactivated { intent }),
            };
            let seconds = i64::try_from(number).expect("small");
            let appended = log.append(Append {
                command: None,
                metadata: Metadata {
                    correlation_id: Uuid::from_u128(1),
                    causation_id: None,
                    actor: "test".into(),
                    trace_parent: None,
                },
                recorded_at: chrono::DateTime::from_timestamp(BEGAN + seconds, 0).expect("a time"),
                streams: vec![StreamAppend {
                    stream: StreamId::new("account", account(who)),
                    expected: ExpectedVersion::Any,
                    events: vec![NewEvent {
                        event_type: event.name().into(),
                        event_version: event.version(),
                        payload: serde_json::to_value(&event).expect("JSON"),
                    }],
                }],
                reservations: vec![],
                personal: None,
            });
            appended.await.expect("an append");
        }
        log.close().await.expect("closed");
    });
}

fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let all = [arguments, &["--data-dir", "data"]].concat();
    cli::run(BINARY, folder, &all, &[])
}

fn home(events: usize) -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a folder");
    data(home.path(), events);
    home
}

fn positions(ran: &Ran) -> Vec<u64> {
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines = ran.stdout.lines();
    let events = lines.map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    events
        .map(|event| event["position"].as_u64().expect("a position"))
        .collect()
}

#[test]
fn events_are_replayed_from_and_to_where_one_says_and_by_type_and_stream() {
    let home = home(6);
    let positions =
        |arguments: &[&str]| positions(&run(home.path(), &[&["replay"], arguments].concat()));
    assert_eq!(positions(&[]), [1, 2, 3, 4, 5, 6]);
    assert_eq!(positions(&["--from", "3", "--to", "5"]), [3, 4, 5]);
    // After the second second, until the fourth.
    let times = [
        "--from",
        "2025-06-15T15:06:42Z",
        "--to",
        "2025-06-15T15:06:44Z",
    ];
    assert_eq!(positions(&times), [4, 5]);
    assert_eq!(positions(&["--type", "AccountSuspended"]), [3, 5]);
    let stream = format!("account/{}", account(2));
    assert_eq!(positions(&["--stream", &stream]), [2]);
    assert_eq!(
        positions(&["--stream", &stream, "--type", "AccountSuspended"]),
        [0_u64; 0]
    );
    // All of an event, as the log has it.
    let ran = run(home.path(), &["replay", "--to", "1"]);
    let event: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(event["payload"]["personal"]["open"]["username"], "user-1");
    assert_eq!(event["previous_hash"], "0".repeat(64));
}

#[test]
fn a_replay_goes_on_after_what_was_delivered() {
    let home = home(6);
    let replay = |to: &str| {
        run(
            home.path(),
            &["replay", "--from", "2", "--to", to, "--resume", "cursor"],
        )
    };
    assert_eq!(positions(&replay("4")), [2, 3, 4]);
    let cursor = std::fs::read_to_string(home.path().join("cursor")).expect("a cursor");
    let cursor: Value = serde_json::from_str(&cursor).expect("JSON");
    assert_eq!(cursor["delivered_through"], 4);
    assert_eq!(positions(&replay("6")), [5, 6]);
    assert_eq!(positions(&replay("6")), [0_u64; 0]);

    let other = run(
        home.path(),
        &[
            "replay",
            "--from",
            "2",
            "--type",
            "AccountSuspended",
            "--resume",
            "cursor",
        ],
    );
    assert_eq!(other.code, 2, "{other:?}");
    assert!(other.stderr.contains("another --type"), "{other:?}");
    std::fs::write(home.path().join("cursor"), "{\"deliv").expect("written");
    let broken = replay("6");
    assert_eq!(broken.code, 2, "{broken:?}");
    assert!(
        broken.stderr.contains("delete it to begin again"),
        "{broken:?}"
    );
    let nowhere = run(
        home.path(),
        &["replay", "--resume", "no/such/folder/cursor"],
    );
    assert_ne!(nowhere.code, 0);
    assert!(nowhere.stdout.is_empty(), "{nowhere:?}");
}

#[test]
fn a_rate_is_kept_to() {
    let home = home(6);
    let began = std::time::Instant::now();
    assert_eq!(
        positions(&run(home.path(), &["replay", "--rate", "10"])).len(),
        6
    );
    // The sixth event is due after five tenths of a second.
    assert!(began.elapsed() >= std::time::Duration::from_millis(500));
}

#[test]
fn an_account_is_shown_as_it_was_and_what_has_changed_since() {
    let home = home(5);
    let id = account(1).to_string();
    let ran = run(
        home.path(),
        &["--json", "replay", "--as-of", "3", "account", &id],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let told = ran.json();
    assert_eq!(told["as_of"], 3);
    assert_eq!(told["account"]["status"], "suspended");
    assert_eq!(told["account"]["position"], 3);
    assert_eq!(told["since"]["events"], 2);
    assert_eq!(
        told["since"]["first_events"][0]["event_type"],
        "AccountReactivated"
    );
    // Suspended again: only the version and its like differ.
    assert!(told["since"]["fields"]["status"].is_null(), "{told}");
    assert_eq!(told["since"]["fields"]["version"]["to"], 4);
    let ran = run(
        home.path(),
        &["replay", "--as-of", "2025-06-15T15:06:43Z", "account", &id],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("account as of position 4"), "{ran:?}");
    assert!(ran.stdout.contains("status: active → suspended"), "{ran:?}");
}

#[test]
fn a_diff_tells_what_was_made_and_changed() {
    let home = home(4);
    let ran = run(home.path(), &["--json", "diff", "1", "3"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let told = ran.json();
    assert_eq!(told["changed"][0]["id"], account(2).to_string());
    assert_eq!(told["changed"][0]["change"], "made");
    assert_eq!(told["changed"][0]["fields"]["username"]["to"], "user-2");
    assert_eq!(told["changed"][1]["id"], account(1).to_string());
    assert_eq!(told["changed"][1]["change"], "changed");
    let status = &told["changed"][1]["fields"]["status"];
    assert_eq!(
        (&status["from"], &status["to"]),
        (&"active".into(), &"suspended".into())
    );
    let text = run(home.path(), &["diff", "0", "4"]);
    assert_eq!(text.code, 0, "{text:?}");
    assert!(text.stdout.contains("username: user-1"), "{text:?}");
    let none = run(home.path(), &["diff", "2", "2"]);
    assert!(
        none.stdout.contains("nothing was made or changed"),
        "{none:?}"
    );
}

#[test]
fn read_models_are_folded_into_a_folder_as_of_any_position() {
    let home = home(5);
    let ran = run(
        home.path(),
        &["--json", "replay", "--to", "3", "--into", "then"],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.json()["position"], 3);
    let rows = std::fs::read_to_string(home.path().join("then/accounts.jsonl")).expect("rows");
    let rows: Vec<Value> = rows
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["username"], "user-1");
    assert_eq!(rows[0]["status"], "suspended");
    let position = std::fs::read_to_string(home.path().join("then/position.json"));
    assert!(position.expect("a position").contains("\"position\": 3"));
    let again = run(home.path(), &["replay", "--into", "then"]);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.stderr.contains("not empty"), "{again:?}");
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let home = home(3);
    let (known, unknown) = (account(1).to_string(), account(9).to_string());
    let second = account(2).to_string();
    for (arguments, says) in [
        (
            vec!["replay", "--from", "4"],
            "--from: position 4 is beyond the head of the log, 3",
        ),
        (vec!["replay", "--from", "0"], "leave --from out"),
        (
            vec!["replay", "--to", "9"],
            "--to: position 9 is beyond the head",
        ),
        (
            vec!["replay", "--from", "3", "--to", "1"],
            "comes after --to",
        ),
        (vec!["replay", "--to", "soon"], "such as 17"),
        (
            vec!["replay", "--to", "2020-01-01T00:00:00Z"],
            "name a time from then on",
        ),
        (
            vec!["replay", "--to", "2999-01-01T00:00:00Z"],
            "in the future",
        ),
        (
            vec!["replay", "--type", "KeyRetird"],
            "did you mean `KeyRetired`?",
        ),
        (vec!["replay", "--stream", "key"], "write KIND/ID"),
        (vec!["replay", "--stream", "key/1"], "the id must be a UUID"),
        (vec!["replay", "--rate", "0"], "--rate"),
        (
            vec!["replay", "--as-of", "9", "account", &known],
            "--as-of: position 9",
        ),
        (
            vec!["replay", "--as-of", "1", "account", &second],
            "it came to be at position 2",
        ),
        (
            vec!["replay", "--as-of", "3", "account", &unknown],
            "there is no account",
        ),
        (vec!["replay", "--as-of", "3"], "required"),
        (vec!["replay", "account", &known], "--as-of"),
        (
            vec!["replay", "--nats-subject", "replay.events"],
            "does not go with a data directory",
        ),
        (
            vec!["replay", "--into-projection", "keys"],
            "--into writes the read models into a folder",
        ),
        (vec!["diff", "3", "1"], "turn them round"),
        (vec!["diff", "0", "4"], "TO: position 4 is beyond the head"),
    ] {
        let ran = run(home.path(), &arguments);
        assert_eq!(ran.code, 2, "{arguments:?} {ran:?}");
        assert!(ran.stderr.contains(says), "{arguments:?} {ran:?}");
        assert!(ran.stdout.is_empty(), "{arguments:?} {ran:?}");
    }
    let nowhere = cli::run(
        BINARY,
        home.path(),
        &["diff", "0", "1", "--data-dir", "no"],
        &[],
    );
    assert_eq!(nowhere.code, 2, "{nowhere:?}");
    let neither = cli::run(BINARY, home.path(), &["diff", "0", "1"], &[]);
    assert_eq!(neither.code, 2, "{neither:?}");
    assert!(neither.stderr.contains("--data-dir"), "{neither:?}");
}
