//! `replay` and `diff` on the database of a deployment, and over NATS.

use countersign_domain::account::AccountEvent;
use countersign_domain::auth_key::AuthSigner;
use countersign_domain::decider::StoredEvent as _;
use countersign_domain::ids::AccountId;
use countersign_domain::personal::{Personal, PersonalData};
use countersign_domain::quorum::Quorum;
use countersign_e2e::cli::{self, Ran};
use countersign_event_store::postgres::{PostgresConfig, PostgresLog, migrate};
use countersign_event_store::{
    Append, EventLog as _, ExpectedVersion, Metadata, NewEvent, StreamAppend, StreamId,
};
use countersign_messaging::Bus as _;
use countersign_messaging::nats::{NatsBus, NatsConfig};
use countersign_test_servers::{database, nats_url, query};
use serde_json::Value;
use uuid::Uuid;
use zeroize::Zeroizing;

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

/// How many events there are: one account, suspended and reactivated again and again.
const EVENTS: u64 = 300;

fn account() -> AccountId {
    AccountId::of(&auth().public().thumbprint())
}

fn auth() -> AuthSigner {
    AuthSigner::ed25519(&Zeroizing::new([1; 32]))
}

async fn fill(url: &str) {
    migrate(&url.into()).await.expect("a schema");
    let log = PostgresLog::connect(PostgresConfig::new(url))
        .await
        .expect("a log");
    let intent = || "an.intent.jws".to_owned();
    let event = |version: u64| match version {
        1 => AccountEvent::AccountRegistered {
            personal: Personal::Open(PersonalData {
                username: "user".into(),
                email: "user@example.com".into(),
                intent: intent(),
            }),
            auth_key: auth().public(),
            quorum: Quorum::new(2, 3).expect("2-of-3"),
        },
        version if version % 2 == 0 => AccountEvent::AccountSuspended { intent: intent() },
        _ => AccountEvent::AccountReactivated { intent: intent() },
    };
    let events = (1..=EVENTS).map(|version| {
        let event = event(version);
        NewEvent {
            event_type: event.name().into(),
            event_version: event.version(),
            payload: serde_json::to_value(&event).expect("JSON"),
        }
    });
    let appended = log.append(Append {
        command: None,
        metadata: Metadata {
            correlation_id: Uuid::from_u128(1),
            causation_id: None,
            actor: "test".into(),
            trace_parent: None,
        },
        recorded_at: chrono::DateTime::from_timestamp(1_750_000_000, 0).expect("a time"),
        streams: vec![StreamAppend {
            stream: StreamId::new("account", account()),
            expected: ExpectedVersion::NoStream,
            events: events.collect(),
        }],
        reservations: vec![],
        personal: None,
    });
    appended.await.expect("an append");
    log.close().await.expect("closed");
}

/// Runs the command beside the test, which listens meanwhile.
async fn run(url: &str, arguments: &[&str]) -> Ran {
    let (url, nats) = (url.to_owned(), nats_url());
    let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    let ran = tokio::task::spawn_blocking(move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let environment = [
            ("COUNTERSIGN_DATABASE_URL", url.as_str()),
            ("COUNTERSIGN_NATS_URLS", nats.as_str()),
        ];
        cli::run(BINARY, &std::env::temp_dir(), &arguments, &environment)
    });
    ran.await.expect("no panic")
}

#[test]
fn what_was_is_told_from_the_database_and_events_go_to_nats_again() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let database = database().await;
        let url = &database.url;
        fill(url).await;

        let id = account().to_string();
        let ran = run(url, &["--json", "replay", "--as-of", "298", "account", &id]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(ran.json()["account"]["status"], "suspended");
        assert_eq!(ran.json()["account"]["version"], 298);
        assert_eq!(ran.json()["since"]["events"], 2);
        // Whoever folds a long stream keeps a state of it.
        let kept = query(url, "SELECT sequence::text FROM stream_snapshots").await;
        assert_eq!(kept.expect("an answer"), ["256"]);

        let ran = run(url, &["--json", "diff", "1", "4"]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        let changed = &ran.json()["changed"][0];
        assert_eq!(changed["events"]["AccountSuspended"], 2);
        assert_eq!(changed["fields"]["status"]["to"], "suspended");

        let bus = NatsBus::connect(&NatsConfig::new([nats_url()]))
            .await
            .expect("a bus");
        let subject = format!(
            "replay.{}",
            Uuid::new_v5(&account().0, url.as_bytes()).simple()
        );
        let mut heard = bus.subscribe(&subject).await.expect("a subscription");
        let folder = tempfile::tempdir().expect("a folder");
        let cursor = folder.path().join("cursor").display().to_string();
        for (to, first) in [("120", 1_u64), ("300", 121)] {
            let arguments = [
                "replay",
                "--nats-subject",
                &subject,
                "--to",
                to,
                "--resume",
                &cursor,
            ];
            let ran = run(url, &[&["--json"], &arguments[..]].concat()).await;
            assert_eq!(ran.code, 0, "{ran:?}");
            let to: u64 = to.parse().expect("a number");
            assert_eq!(ran.json()["events"], to - first + 1);
            for position in first..=to {
                let message = heard.next().await.expect("a message");
                assert_eq!(message.headers.position(), Some(position));
                let event: Value = serde_json::from_slice(&message.payload).expect("JSON");
                assert_eq!(event["position"], position);
            }
        }
        let own = run(url, &["replay", "--nats-subject", "cs.v1.events.account"]).await;
        assert_eq!(own.code, 2, "{own:?}");
        assert!(own.stderr.contains("for the system itself"), "{own:?}");
        bus.close().await;
    });
}

#[test]
fn a_projection_of_the_past_is_a_table_beside_those_that_answer() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let database = database().await;
        let url = &database.url;
        fill(url).await;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("replay").display().to_string();
        let into = ["--json", "replay", "--into-projection", "accounts"];
        let resumed = |to: &'static str| [&into[..], &["--to", to, "--resume", &file]].concat();

        let ran = run(url, &resumed("120")).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        let told = ran.json()["projections"][0].clone();
        assert_eq!(told["position"], 120);
        let table = told["table"].as_str().expect("a table").to_owned();
        let status = format!("SELECT status FROM {table}");
        let shown = query(url, &status).await.expect("an answer");
        assert_eq!(shown, ["suspended"]);

        // The same version goes on, and says when it cannot.
        let ran = run(url, &resumed("121")).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(ran.json()["projections"][0]["table"], table.as_str());
        let shown = query(url, &status).await.expect("an answer");
        assert_eq!(shown, ["active"]);
        let back = run(url, &resumed("7")).await;
        assert_eq!(back.code, 2, "{back:?}");
        assert!(back.stderr.contains("name one from 121 on"), "{back:?}");
        let other = ["replay", "--into-projection", "keys", "--resume", &file];
        let other = run(url, &other).await;
        assert_eq!(other.code, 2, "{other:?}");
        assert!(other.stderr.contains("other projections"), "{other:?}");

        // All of them, beside the first; queries see nothing of it.
        let ran = run(url, &["--json", "replay", "--into-projection", "all"]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        let all = ran.json()["projections"].clone();
        let version = all[0]["version"].as_u64().expect("a version");
        assert_eq!(all.as_array().map(Vec::len), Some(5));
        let listed = run(url, &["--json", "projections", "list"]).await.json();
        let states = listed.as_array().expect("versions").iter();
        let of = |state: &str| states.clone().filter(|it| it["state"] == state).count();
        assert_eq!((of("active"), of("past"), of("building")), (5, 6, 0));

        let drop = |version: String| async move {
            run(url, &["projections", "drop", "accounts", &version]).await
        };
        assert_eq!(drop(version.to_string()).await.code, 0);
        let again = drop(version.to_string()).await;
        assert_eq!(again.code, 2, "{again:?}");
        assert!(again.stderr.contains("projections list"), "{again:?}");
        assert_eq!(drop("1".to_owned()).await.code, 2);
        let nothing = run(url, &["replay", "--into-projection", "key"]).await;
        assert_eq!(nothing.code, 2, "{nothing:?}");
        assert!(nothing.stderr.contains("`key`"), "{nothing:?}");
    });
}
