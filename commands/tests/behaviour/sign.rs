//! Signing.

use std::collections::BTreeSet;

use countersign_domain::bytes::Hex;
use countersign_domain::intent::{Action, SignPayload};

use crate::support::{Conduct, World, events_of, signing, verify};

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_gets_a_signature_that_verifies() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;

    let answer = alice.signature(&replica, key, "message").await;

    assert_eq!(answer.status, 200, "{}", answer.body);
    verify(&answer.body);
    assert_eq!(answer.text("kind"), "sign");
    assert_eq!(answer.text("status"), "completed");
    assert_eq!(answer.text("key_id"), key.to_string());
    assert_eq!(answer.text("path"), "m");
    assert_eq!(answer.body["attempts"], 1);
    assert_eq!(answer.body["signers"].as_array().unwrap().len(), 2);
    let signature = &answer.body["signature"];
    let (r, s) = (
        signature["r"].as_str().unwrap(),
        signature["s"].as_str().unwrap(),
    );
    assert_eq!(signature["compact"], format!("{r}{s}"));
    assert!(signature["der"].as_str().unwrap().starts_with("30"));
    assert_eq!(answer.body["position"], world.head().await);
}

#[tokio::test(start_paused = true)]
async fn sixteen_clients_with_one_intent_get_one_session_and_one_signature() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let other = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;
    let token = alice.sign(key, "message");
    let path = format!("/v1/keys/{key}/signatures");

    let requests = (0..16).map(|n| {
        let replica = if n % 2 == 0 { &replica } else { &other };
        replica.post_and_wait(&path, &token)
    });
    let answers = futures::future::join_all(requests).await;

    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body["signature"], answers[0].body["signature"]);
        assert_eq!(answer.body["session_id"], answers[0].body["session_id"]);
    }
    let events = world.events().await;
    let sessions = events_of(&events, "SessionCreated");
    assert_eq!(sessions.len(), 2, "key generation and one signature");
    assert_eq!(events_of(&events, "SessionCompleted").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn equals_take_turns() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;

    let mut signers = BTreeSet::new();
    for n in 0..12 {
        let answer = alice
            .signature(&replica, key, &format!("message {n}"))
            .await;
        signers.insert(answer.body["signers"].to_string());
    }

    assert_eq!(signers.len(), 3, "every pair had a turn: {signers:?}");
}

#[tokio::test(start_paused = true)]
async fn present_parties_sign_before_absent_ones() {
    let world = World::new(4).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 4).await;
    world.pass(std::time::Duration::from_secs(60)).await;
    world.present(&["p2", "p4"]);

    for n in 0..4 {
        let answer = alice
            .signature(&replica, key, &format!("message {n}"))
            .await;
        assert_eq!(answer.body["signers"], serde_json::json!(["p2", "p4"]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_signature_that_does_not_verify_is_not_taken() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 3, 3).await;
    world.let_party("p1", Conduct::WrongSignature);
    world.let_party("p2", Conduct::WrongSignature);

    let answer = alice.signature(&replica, key, "message").await;

    verify(&answer.body);
    let events = world.events().await;
    let reports = events_of(&events, "ParticipantReported");
    assert_eq!(reports.last().unwrap().actor, "party:p3");
}

#[tokio::test(start_paused = true)]
async fn a_frozen_key_does_not_sign() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let mallory = world.account(&replica, "mallory").await;
    let key = alice.key(&replica, 2, 3).await;
    let path = format!("/v1/keys/{key}");
    let freeze = format!("{path}/freeze");

    let foreign = replica
        .post(&freeze, &mallory.token(Action::Freeze { key }))
        .await;
    assert_eq!((foreign.status, foreign.text("code")), (404, "not_found"));
    let frozen = replica
        .post(&freeze, &alice.token(Action::Freeze { key }))
        .await;
    assert_eq!((frozen.status, frozen.text("status")), (200, "frozen"));
    let head = world.head().await;
    let refused = alice.signature(&replica, key, "message").await;
    assert_eq!(
        (refused.status, refused.text("code")),
        (403, "key_not_active")
    );
    assert_eq!(world.head().await, head);

    let unfreeze = alice.token(Action::Unfreeze { key });
    let unfrozen = replica.post(&format!("{path}/unfreeze"), &unfreeze).await;
    assert_eq!((unfrozen.status, unfrozen.text("status")), (200, "active"));
    assert_eq!(alice.signature(&replica, key, "message").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_child_key_signs_under_its_own_address() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;
    let token = alice.token(Action::Sign {
        key,
        epoch: 1,
        path: "m/44/60/0/0/7".parse().unwrap(),
        payload: SignPayload::Digest {
            hash: None,
            digest: Hex([1; 32]),
        },
    });

    let answer = replica
        .post(&format!("/v1/keys/{key}/signatures"), &token)
        .await;
    assert_eq!(answer.status, 202, "{}", answer.body);

    let events = world.events().await;
    let generated = &events_of(&events, "KeyActivated")[0].payload;
    let created = &events_of(&events, "SessionCreated").last().unwrap().payload;
    let path: countersign_domain::path::DerivationPath = "m/44/60/0/0/7".parse().unwrap();
    let parent = generated["public_key"].as_str().unwrap().parse().unwrap();
    let chain_code = generated["chain_code"].as_str().unwrap().parse().unwrap();
    let child = path.derive(&parent, &chain_code).unwrap();
    assert_eq!(created["sign"]["public_key"], child.to_string());
}

#[tokio::test(start_paused = true)]
async fn an_intent_for_other_shares_is_stale() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;
    let Action::Sign { path, payload, .. } = signing(key, "message") else {
        unreachable!("signing asks for a signature")
    };
    let token = alice.token(Action::Sign {
        key,
        epoch: 2,
        path,
        payload,
    });

    let answer = replica
        .post(&format!("/v1/keys/{key}/signatures"), &token)
        .await;

    assert_eq!((answer.status, answer.text("code")), (409, "epoch_stale"));
    assert_eq!(answer.text("field"), "epoch");
}
