//! What happens when everybody does what they should.

use countersign_domain::bytes::PublicKey;
use countersign_domain::ids::{KeyId, SessionId};
use countersign_domain::intent::Action;
use countersign_domain::receipt;
use countersign_domain::roster::Member;
use countersign_domain::signature::{Signature, ethereum_address};
use serde_json::json;

use crate::support::{World, create_key, digest, group_public_key, sign};

#[tokio::test]
async fn a_registration_is_answered_with_the_account() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.client("alice");
    let answer = replica.ask(&alice, "register", alice.registration()).await;
    let answer = answer.has_status(201);
    let expected = json!({
        "account_id": alice.account,
        "username": "alice",
        "status": "active",
        "position": 1,
    });
    assert_eq!(answer.body, expected);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(world.history(alice.account).await, ["AccountRegistered"]);
}

#[tokio::test]
async fn a_key_that_is_waited_for_is_answered_with_its_public_key_and_receipts() {
    let world = World::new(4).await;
    let replica = world.replica().await;
    let alice = world.registered("alice", &replica).await;
    let answer = replica
        .ask(&alice, "k", create_key(2, 3))
        .await
        .has_status(200);
    let body = &answer.body;
    let session = SessionId::of(alice.account, "k");
    let key = KeyId::of(session);
    assert_eq!(answer.header("preference-applied"), "wait=30");
    assert_eq!(body["session_id"], json!(session));
    assert_eq!(body["key_id"], json!(key));
    assert_eq!(body["account_id"], json!(alice.account));
    assert_eq!(body["kind"], "keygen");
    assert_eq!(body["status"], "completed");
    assert_eq!(
        (&body["threshold"], &body["parties"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(body["epoch"], 1);
    assert_eq!(body["public_key"], json!(group_public_key()));
    let address = ethereum_address(&group_public_key()).expect("a point");
    assert_eq!(body["ethereum_address"], address);
    assert_eq!(body["position"], world.head().await);
    // What a client checks: the receipts, against its own copy of the roster.
    let members: Vec<Member> = serde_json::from_value(body["members"].clone()).expect("members");
    let receipts: Vec<String> = serde_json::from_value(body["receipts"].clone()).expect("JWS");
    world.roster.check(&members).expect("parties of the roster");
    let stated = receipt::agree(&receipts, &members).expect("they agree");
    assert_eq!(stated.key, key);
    assert_eq!(stated.auth_key, alice.signer.public().thumbprint());
    assert_eq!(world.history(key).await, ["KeyRequested", "KeyActivated"]);
}

#[tokio::test]
async fn a_signature_that_is_waited_for_verifies_under_the_key() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.registered("alice", &replica).await;
    let key = world.key(&alice, (2, 3), &replica).await;
    let answer = replica.ask(&alice, "s", sign(key, "pay bob")).await;
    let body = answer.clone().has_status(200).body;
    assert_eq!(answer.header("preference-applied"), "wait=30");
    assert_eq!(body["session_id"], json!(SessionId::of(alice.account, "s")));
    assert_eq!(body["kind"], "sign");
    assert_eq!(body["status"], "completed");
    assert_eq!(body["attempts"], 1);
    assert_eq!(body["signers"].as_array().map(Vec::len), Some(2));
    assert_eq!(body["path"], "m");
    assert_eq!(body["digest"], json!(digest("pay bob")));
    let public_key: PublicKey = serde_json::from_value(body["public_key"].clone()).expect("a key");
    assert_eq!(public_key, group_public_key());
    let signature: Signature = serde_json::from_value(body["signature"].clone()).expect("r, s, v");
    signature
        .verify(&digest("pay bob"), &group_public_key())
        .expect("a signature");
    assert_eq!(body["signature"]["compact"], json!(signature.compact()));
    let der = hex::encode(signature.der().expect("in range"));
    assert_eq!(body["signature"]["der"], der);
    assert_eq!(body["position"], world.head().await);
}

#[tokio::test]
async fn without_a_preference_the_answer_says_where_to_look() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.registered("alice", &replica).await;
    let path = format!("/v1/accounts/{}/keys", alice.account);
    let token = alice.intent("k", create_key(2, 3));
    let answer = replica.post(&path, &token).await.has_status(202);
    let session = SessionId::of(alice.account, "k");
    assert_eq!(answer.header("location"), format!("/v1/sessions/{session}"));
    assert_eq!(answer.header("preference-applied"), "");
    assert_eq!(answer.body["session_id"], json!(session));
    assert_eq!(answer.body["key_id"], json!(KeyId::of(session)));
    assert_eq!(answer.body["kind"], "keygen");
    let statuses = ["created", "waiting", "in_progress"].map(|text| json!(text));
    assert!(statuses.contains(&answer.body["status"]), "{}", answer.body);

    let key = KeyId::of(session);
    world.event(key, "KeyActivated").await;
    let token = alice.intent("s", sign(key, "pay bob"));
    let path = format!("/v1/keys/{key}/signatures");
    let answer = replica.post(&path, &token).await.has_status(202);
    let session = SessionId::of(alice.account, "s");
    assert_eq!(answer.header("location"), format!("/v1/sessions/{session}"));
    world.event(session, "SessionCompleted").await;
    // The same request again, later, is answered with the result.
    let answer = replica.post(&path, &token).await.has_status(200);
    assert_eq!(answer.body["status"], "completed");
}

#[tokio::test]
async fn an_account_is_suspended_and_reactivated() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.registered("alice", &replica).await;
    let suspended = replica
        .ask(&alice, "a", Action::Suspend)
        .await
        .has_status(200);
    let expected = json!({ "account_id": alice.account, "status": "suspended", "position": 2 });
    assert_eq!(suspended.body, expected);
    let active = replica
        .ask(&alice, "b", Action::Reactivate)
        .await
        .has_status(200);
    let expected = json!({ "account_id": alice.account, "status": "active", "position": 3 });
    assert_eq!(active.body, expected);
    let history = [
        "AccountRegistered",
        "AccountSuspended",
        "AccountReactivated",
    ];
    assert_eq!(world.history(alice.account).await, history);
}

#[tokio::test]
async fn a_key_is_frozen_and_unfrozen() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.registered("alice", &replica).await;
    let key = world.key(&alice, (2, 3), &replica).await;
    let head = world.head().await;
    let frozen = replica
        .ask(&alice, "f", Action::Freeze { key })
        .await
        .has_status(200);
    let expected = json!({ "key_id": key, "status": "frozen", "position": head + 1 });
    assert_eq!(frozen.body, expected);
    let active = replica
        .ask(&alice, "u", Action::Unfreeze { key })
        .await
        .has_status(200);
    let expected = json!({ "key_id": key, "status": "active", "position": head + 2 });
    assert_eq!(active.body, expected);
    replica
        .ask(&alice, "s", sign(key, "after"))
        .await
        .has_status(200);
}

#[tokio::test]
async fn an_event_keeps_the_trace_the_actor_and_the_authorisation() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.client("alice");
    let token = alice.intent("register", alice.registration());
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = axum::http::Request::post("/v1/accounts")
        .header("content-type", "application/json")
        .header("traceparent", parent)
        .body(json!({ "intent": token }).to_string().into());
    replica
        .send(request.expect("a request"))
        .await
        .has_status(201);
    let event = &world.events().await[0];
    assert_eq!(event.trace_parent.as_deref(), Some(parent));
    assert_eq!(event.actor, format!("account:{}", alice.account));
    assert_eq!(event.correlation_id, alice.account.command("register"));
    assert_eq!(event.payload["intent"], token);
    assert_eq!(event.recorded_at, world.clock.now());
}
