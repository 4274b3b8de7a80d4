//! Making keys.

use countersign_domain::ids::SessionId;
use countersign_domain::intent::Action;

use crate::support::{Conduct, World, events_of};

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_gets_its_key() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let account = world.account(&replica, "alice").await;
    let token = account.create_key(2, 3);

    let answer = replica.post_and_wait(&account.keys_path(), &token).await;

    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("preference-applied"), "wait=300");
    assert_eq!(answer.text("kind"), "keygen");
    assert_eq!(answer.text("status"), "completed");
    assert_eq!(answer.text("account_id"), account.id.to_string());
    assert_eq!(answer.text("engine"), "dkls23");
    assert_eq!(
        (&answer.body["threshold"], &answer.body["parties"]),
        (&2.into(), &3.into())
    );
    assert_eq!(answer.body["epoch"], 1);
    assert_eq!(answer.body["receipts"].as_array().unwrap().len(), 3);
    assert!(answer.text("ethereum_address").starts_with("0x"));
    let members: Vec<_> = answer.body["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (m["index"].as_u64().unwrap(), m["party"].as_str().unwrap()))
        .collect();
    assert_eq!(members, [(1, "p1"), (2, "p2"), (3, "p3")]);
    let events = world.events().await;
    let activated = events_of(&events, "KeyActivated")[0].position;
    assert_eq!(answer.body["position"], activated);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_wait_is_told_where_to_look() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let account = world.account(&replica, "alice").await;
    let token = account.create_key(2, 3);

    let answer = replica.post(&account.keys_path(), &token).await;

    assert_eq!(answer.status, 202, "{}", answer.body);
    let session = answer.text("session_id");
    assert_eq!(answer.header("location"), format!("/v1/sessions/{session}"));
    assert_eq!(answer.header("preference-applied"), "");
    assert_eq!(answer.text("kind"), "keygen");
    world.until_events("KeyActivated", 1).await;

    // The same request again is answered with the result.
    let again = replica.post_and_wait(&account.keys_path(), &token).await;
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(again.text("session_id"), session);
    assert_eq!(events_of(&world.events().await, "SessionCreated").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn present_parties_hold_the_shares_in_the_order_of_the_roster() {
    let world = World::new(5).await;
    world.pass(std::time::Duration::from_secs(60)).await;
    world.present(&["p5", "p2", "p4"]);
    let replica = world.replica().await;
    let account = world.account(&replica, "alice").await;

    let token = account.create_key(2, 3);
    let answer = replica.post_and_wait(&account.keys_path(), &token).await;

    let members = answer.body["members"].as_array().unwrap().iter();
    let members: Vec<_> = members.map(|m| m["party"].as_str().unwrap()).collect();
    assert_eq!(members, ["p2", "p4", "p5"]);
}

#[tokio::test(start_paused = true)]
async fn receipts_that_disagree_activate_nothing() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let account = world.account(&replica, "alice").await;
    world.let_party("p2", Conduct::OtherAuthKey);

    let token = account.create_key(2, 3);
    let answer = replica.post_and_wait(&account.keys_path(), &token).await;

    assert_eq!(
        (answer.status, answer.text("code")),
        (502, "session_failed")
    );
    assert_eq!(answer.text("reason"), "receipts_disagree");
    assert!(
        answer.text("detail").contains("auth_key"),
        "{}",
        answer.body
    );
    let events = world.until_events("KeyRetired", 1).await;
    assert!(events_of(&events, "KeyActivated").is_empty());
    let session: SessionId = answer.text("session_id").parse().unwrap();
    assert_eq!(
        events_of(&events, "SessionFailed")[0].stream.aggregate_id,
        session.to_string()
    );
}

#[tokio::test(start_paused = true)]
async fn receipts_that_agree_on_another_auth_key_activate_nothing_either() {
    let world = World::new(2).await;
    let replica = world.replica().await;
    let account = world.account(&replica, "alice").await;
    world.let_all(&Conduct::OtherAuthKey);

    let token = account.create_key(2, 2);
    let answer = replica.post_and_wait(&account.keys_path(), &token).await;

    assert_eq!(
        (answer.status, answer.text("code")),
        (502, "session_failed")
    );
    let events = world.until_events("KeyRetired", 1).await;
    assert!(events_of(&events, "KeyActivated").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_generation_retires_its_key() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let account = world.account(&replica, "alice").await;
    world.let_party("p3", Conduct::Absent);
    let token = account.create_key(2, 3);
    let started = replica.post(&account.keys_path(), &token).await;
    let session: SessionId = started.text("session_id").parse().unwrap();

    let path = format!("/v1/sessions/{session}/cancel");
    let cancel = account.cancel(session);
    let cancelled = replica.post(&path, &cancel).await;

    assert_eq!(cancelled.status, 200, "{}", cancelled.body);
    assert_eq!(cancelled.text("status"), "cancelled");
    world.until_events("KeyRetired", 1).await;
    let waited = replica.post_and_wait(&account.keys_path(), &token).await;
    assert_eq!(
        (waited.status, waited.text("code")),
        (409, "session_cancelled")
    );
    // A retry is the same answer, another request is too late.
    let retried = replica.post(&path, &cancel).await;
    assert_eq!((retried.status, &retried.body), (200, &cancelled.body));
    let late = replica
        .post(&path, &account.token(Action::Cancel { session }))
        .await;
    assert_eq!(
        (late.status, late.text("code")),
        (409, "illegal_transition")
    );
}
