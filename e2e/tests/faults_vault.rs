//! A party whose disk is full.

use countersign_domain::engine::EngineId;
use countersign_domain::intent::Action;
use countersign_domain::quorum::Quorum;
use countersign_e2e::account::Account;
use countersign_e2e::production::Production;
use countersign_e2e::sessions::assert_ended_once;

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

/// How many keys are made at most until a vault has no room.
const KEYS: usize = 12;

#[test]
fn a_full_disk_fails_what_needs_it_with_a_reason_and_harms_no_share() {
    let mut system = Production::up(BINARY);
    let account = Account::new();
    account.register(&system.api(1));
    let (key, _) = account.create_key(&system.api(1), 2, 3);
    assert_eq!(system.stop("party-carol").code(), Some(0));
    let vault = system.volume("party-carol").join("vault.redb");
    let size = std::fs::metadata(&vault).expect("the vault").len();
    system.limit_files("party-carol", Some(size));
    system.start("party-carol").await_ready();

    let path = format!("/v1/accounts/{}/keys", account.id);
    let failed = (0..KEYS).find_map(|_| {
        let action = Action::CreateKey {
            engine: EngineId::default(),
            quorum: Quorum::new(2, 3).expect("a quorum"),
        };
        let answer = system.api(1).post(&path, &account.intent(action), 120);
        (answer.status != 200).then_some(answer)
    });
    let failed = failed.expect("a key that found no room");
    assert_eq!(failed.status, 502, "{}", failed.body);
    // Some attempt failed by the party without room, whatever ended the last one.
    let session = failed.body["session_id"].as_str().expect("a session");
    let history = system.api(1).get(&format!("/v1/sessions/{session}/events"));
    let by_carol = history.body["events"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|event| {
            event["event_type"]
                .as_str()
                .is_some_and(|name| name.ends_with("Failed"))
        })
        .any(|event| event.to_string().contains("carol"));
    assert!(by_carol, "{}", history.body);
    let said = system.process("party-carol").said();
    assert!(said.contains("vault"), "{said}");

    // The others sign meanwhile; and with room again, so does this one: with any one
    // of the others away, it is among the signers.
    account.sign(&system.api(2), key);
    system.kill("party-carol");
    system.limit_files("party-carol", None);
    system.start("party-carol").await_ready();
    assert_eq!(system.stop("party-alpha").code(), Some(0));
    let signed = account.sign(&system.api(1), key);
    assert_eq!(signed["signers"], serde_json::json!(["bravo", "carol"]));
    system.start("party-alpha").await_ready();
    let _ = account.create_key(&system.api(1), 2, 3);
    assert_ended_once(&system.api(1), 4);
}
