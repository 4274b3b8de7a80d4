//! What happens at the same instant.

use std::sync::Arc;

use countersign_domain::ids::SessionId;
use countersign_domain::intent::Action;
use futures::future::join_all;

use crate::support::{Answer, Client, Replica, World, create_key, path_of, sign};

/// The same token from 16 clients, each on a task of its own.
async fn from_16_clients(replica: &Arc<Replica>, client: &Client, action: &Action) -> Vec<Answer> {
    let path = path_of(client, action);
    let token = client.intent("same", action.clone());
    let tasks = (0..16).map(|_| {
        let (replica, path, token) = (replica.clone(), path.clone(), token.clone());
        tokio::spawn(async move { replica.wait(&path, &token).await })
    });
    let answers = join_all(tasks).await;
    answers.into_iter().map(|a| a.expect("no panic")).collect()
}

fn all_are(answers: &[Answer], status: u16) {
    for answer in answers {
        let same = answer.clone().has_status(status);
        assert_eq!(same.body, answers[0].body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_registration_from_16_clients_is_one_account() {
    let world = World::new(3).await;
    let replica = Arc::new(world.replica().await);
    for name in ["anna", "bert", "carl", "dora"] {
        let client = world.client(name);
        let answers = from_16_clients(&replica, &client, &client.registration()).await;
        all_are(&answers, 201);
        assert_eq!(world.history(client.account).await, ["AccountRegistered"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_intent_from_16_clients_changes_the_account_once() {
    let world = World::new(3).await;
    let replica = Arc::new(world.replica().await);
    for name in ["anna", "bert", "carl", "dora"] {
        let client = world.registered(name, &replica).await;
        let answers = from_16_clients(&replica, &client, &Action::Suspend).await;
        all_are(&answers, 200);
        let history = ["AccountRegistered", "AccountSuspended"];
        assert_eq!(world.history(client.account).await, history);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_intent_from_16_clients_is_one_key_and_one_signature() {
    let world = World::new(3).await;
    let replica = Arc::new(world.replica().await);
    let alice = world.registered("alice", &replica).await;
    let answers = from_16_clients(&replica, &alice, &create_key(2, 3)).await;
    all_are(&answers, 200);
    let key = world.key(&alice, (2, 3), &replica).await;
    let path = path_of(&alice, &sign(key, "pay bob"));
    for jti in ["s1", "s2", "s3"] {
        let token = alice.intent(jti, sign(key, "pay bob"));
        let tasks = (0..16).map(|_| {
            let (replica, path, token) = (replica.clone(), path.clone(), token.clone());
            tokio::spawn(async move { replica.wait(&path, &token).await })
        });
        let answers = join_all(tasks).await;
        let answers: Vec<_> = answers.into_iter().map(|a| a.expect("no panic")).collect();
        all_are(&answers, 200);
        let session = SessionId::of(alice.account, jti);
        let created = world.history(session).await;
        assert_eq!(created.iter().filter(|n| *n == "SessionCreated").count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_signatures_at_once_on_one_key_are_all_made() {
    let world = World::new(3).await;
    let replica = Arc::new(world.replica().await);
    let alice = Arc::new(world.registered("alice", &replica).await);
    let key = world.key(&alice, (2, 3), &replica).await;
    let tasks = (0..64).map(|n| {
        let (replica, alice) = (replica.clone(), alice.clone());
        tokio::spawn(async move {
            let jti = format!("s{n}");
            replica.ask(&alice, &jti, sign(key, &jti)).await
        })
    });
    for answer in join_all(tasks).await {
        answer.expect("no panic").has_status(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_32_parties_of_a_key_may_speak_at_once() {
    let world = World::new(32).await;
    let replica = world.replica().await;
    let alice = world.registered("alice", &replica).await;
    world.key(&alice, (20, 32), &replica).await;
    for party in &world.parties {
        assert_eq!(party.refusals(), [], "{}", party.id());
    }
}
