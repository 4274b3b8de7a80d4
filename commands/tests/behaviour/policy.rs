//! What sessions are given, and its form in a configuration.

use countersign_commands::SessionPolicy;
use serde_json::json;

use crate::support::{World, events_of};

#[test]
fn a_configuration_says_only_what_differs() {
    let policy: SessionPolicy =
        serde_json::from_value(json!({ "sign": { "max_attempts": 3 } })).unwrap();
    let mut expected = SessionPolicy::default();
    expected.sign.max_attempts = 3;
    assert_eq!(policy, expected);
    let text = serde_json::to_value(policy).unwrap();
    assert_eq!(
        serde_json::from_value::<SessionPolicy>(text).unwrap(),
        policy
    );
}

#[test]
fn a_configuration_with_an_unknown_name_is_refused() {
    for wrong in [
        json!({ "signing": {} }),
        json!({ "keygen": { "ready_seconds": 1 } }),
    ] {
        assert!(serde_json::from_value::<SessionPolicy>(wrong).is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_keep_the_policy_that_they_began_with() {
    let world = World::new(5).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 3, 5).await;
    alice.signature(&replica, key, "message").await;

    let events = world.events().await;
    let created = events_of(&events, "SessionCreated");
    let (keygen, sign) = (&created[0].payload, &created[1].payload);
    assert_eq!(keygen["ready_timeout_ms"], 15_000);
    assert_eq!(keygen["attempt_timeout_ms"], 30_000 + 2_000 * 25);
    assert_eq!(keygen["max_attempts"], 2);
    assert_eq!(sign["ready_timeout_ms"], 5_000);
    assert_eq!(sign["attempt_timeout_ms"], 10_000 + 1_000 * 9);
    assert_eq!(sign["max_attempts"], 5);
}
