//! Registering, suspending and reactivating accounts.

use countersign_domain::intent::Action;
use countersign_event_store::PersonalKeys as _;

use crate::support::{Account, World, events_of, signing};

#[tokio::test(start_paused = true)]
async fn a_registration_and_its_retry_are_answered_alike() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = Account::new("alice", world.clock.clone());
    let token = alice.register();

    let first = replica.post("/v1/accounts", &token).await;
    let second = replica.post("/v1/accounts", &token).await;

    assert_eq!((first.status, second.status), (201, 201), "{}", first.body);
    assert_eq!(first.body, second.body);
    assert_eq!(first.text("account_id"), alice.id.to_string());
    assert_eq!(first.text("username"), "alice");
    assert_eq!(first.text("status"), "active");
    assert_eq!(first.body["position"], world.head().await);
    assert_eq!(world.head().await, 1);
}

#[tokio::test(start_paused = true)]
async fn user_names_and_emails_are_unique_whatever_their_case() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    world.account(&replica, "alice").await;
    let bob = Account::new("bob", world.clock.clone());
    let head = world.head().await;

    for (username, email, code, field) in [
        ("alice", "bob@example.com", "username_taken", "username"),
        ("ALICE", "bob@example.com", "username_taken", "username"),
        ("bob", "alice@example.com", "email_taken", "email"),
        ("bob", "Alice@EXAMPLE.com", "email_taken", "email"),
    ] {
        let token = bob.token(bob.registration(username, email));
        let answer = replica.post("/v1/accounts", &token).await;
        assert_eq!((answer.status, answer.text("code")), (409, code));
        assert_eq!(answer.text("field"), field);
    }
    assert_eq!(world.head().await, head);

    // What was refused reserved nothing.
    let token = bob.token(bob.registration("bob", "bob@example.com"));
    assert_eq!(replica.post("/v1/accounts", &token).await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn an_auth_key_registers_once() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;

    let again = alice.token(alice.registration("alice2", "alice2@example.com"));
    let answer = replica.post("/v1/accounts", &again).await;

    assert_eq!(
        (answer.status, answer.text("code")),
        (409, "account_exists")
    );
}

#[tokio::test(start_paused = true)]
async fn a_suspended_account_neither_signs_nor_makes_keys() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;
    let path = format!("/v1/accounts/{}/suspend", alice.id);

    let suspend = alice.token(Action::Suspend);
    let suspended = replica.post(&path, &suspend).await;
    assert_eq!(suspended.status, 200, "{}", suspended.body);
    assert_eq!(suspended.text("status"), "suspended");
    let head = world.head().await;
    assert_eq!(suspended.body["position"], head);

    let signing_path = format!("/v1/keys/{key}/signatures");
    for (path, token) in [
        (&signing_path, alice.sign(key, "message")),
        (&alice.keys_path(), alice.create_key(2, 3)),
    ] {
        let answer = replica.post(path, &token).await;
        assert_eq!(
            (answer.status, answer.text("code")),
            (403, "account_not_active")
        );
    }
    // A retry is answered, a second suspension is refused.
    assert_eq!(replica.post(&path, &suspend).await.body, suspended.body);
    let second = replica.post(&path, &alice.token(Action::Suspend)).await;
    assert_eq!(
        (second.status, second.text("code")),
        (409, "illegal_transition")
    );
    assert_eq!(world.head().await, head);

    let path = format!("/v1/accounts/{}/reactivate", alice.id);
    let reactivated = replica.post(&path, &alice.token(Action::Reactivate)).await;
    assert_eq!(
        (reactivated.status, reactivated.text("status")),
        (200, "active")
    );
    assert_eq!(alice.signature(&replica, key, "message").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn events_say_who_caused_them_and_in_which_trace() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;
    let intent = alice.intent(signing(key, "message"));
    let token = intent.sign(&alice.signer).unwrap();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut request = crate::support::post(
        &format!("/v1/keys/{key}/signatures"),
        &serde_json::json!({ "intent": token }).to_string(),
    );
    request
        .headers_mut()
        .insert("traceparent", parent.parse().unwrap());
    request
        .headers_mut()
        .insert("prefer", "wait=60".parse().unwrap());

    assert_eq!(replica.send(request).await.status, 200);

    let events = world.events().await;
    let session = alice.id.command(&intent.jti);
    let created = *events_of(&events, "SessionCreated").last().unwrap();
    assert_eq!(created.actor, format!("account:{}", alice.id));
    assert_eq!(created.trace_parent.as_deref(), Some(parent));
    assert_eq!(created.correlation_id, session);
    let reported = *events_of(&events, "ParticipantReported").last().unwrap();
    assert!(reported.actor.starts_with("party:p"), "{}", reported.actor);
    assert_eq!(reported.correlation_id, session);
    let activated = events_of(&events, "KeyActivated")[0];
    assert_eq!(activated.actor, "coordinator");
}

/// What stands in the log, in text.
async fn log_text(world: &World) -> String {
    let events = world.events().await;
    let texts = events.iter().map(|event| event.canonical());
    texts.map(|text| String::from_utf8(text).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_log_never_sees_who_registered() {
    use base64::Engine as _;
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = Account::new("alice-of-wonderland", world.clock.clone());
    let token = alice.register();
    assert_eq!(replica.post("/v1/accounts", &token).await.status, 201);
    let text = log_text(&world).await;
    assert!(!text.contains("wonderland"), "{text}");
    let claims = token.split('.').nth(1).unwrap();
    assert!(!text.contains(claims));
    let decoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims);
    assert!(
        String::from_utf8(decoded.unwrap())
            .unwrap()
            .contains("wonderland")
    );
}

#[tokio::test(start_paused = true)]
async fn a_registration_under_a_used_name_of_a_request_is_refused() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = Account::new("alice", world.clock.clone());
    let token = |username: &str, email: &str| {
        let registration = alice.registration(username, email);
        alice
            .intent_named("once", registration)
            .sign(&alice.signer)
            .unwrap()
    };
    let first = replica
        .post("/v1/accounts", &token("alice", "a@example.com"))
        .await;
    assert_eq!(first.status, 201);
    let other = replica
        .post("/v1/accounts", &token("alice", "b@example.com"))
        .await;
    assert_eq!((other.status, other.text("code")), (409, "jti_reused"));
    // Signed anew it is the same, on another replica too.
    let another = world.replica().await;
    let again = another
        .post("/v1/accounts", &token("alice", "a@example.com"))
        .await;
    assert_eq!(again.body, first.body);
}

#[tokio::test(start_paused = true)]
async fn the_same_registration_at_two_replicas_at_once_is_one() {
    let world = World::new(3).await;
    let (one, two) = (world.deaf_replica(), world.deaf_replica());
    let alice = Account::new("alice", world.clock.clone());
    let token = alice.register();
    let (first, second) = tokio::join!(
        one.post("/v1/accounts", &token),
        two.post("/v1/accounts", &token),
    );
    assert_eq!(
        (first.status, second.status),
        (201, 201),
        "{} {}",
        first.body,
        second.body
    );
    assert_eq!(first.body, second.body);
    assert_eq!(world.head().await, 1);
}

#[tokio::test(start_paused = true)]
async fn an_erased_account_is_closed_and_its_names_are_free() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = Account::new("alice", world.clock.clone());
    let registration = alice.register();
    replica.post("/v1/accounts", &registration).await;
    let key = alice.key(&replica, 2, 3).await;
    let path = format!("/v1/accounts/{}/erase", alice.id);
    assert_eq!(world.log.personal_keys(&[alice.id]).await.unwrap().len(), 1);

    // By nobody else, and by no other intent.
    let mallory = world.account(&replica, "mallory").await;
    let foreign = replica.post(&path, &mallory.token(Action::Erase)).await;
    assert_eq!(
        (foreign.status, foreign.text("code")),
        (422, "intent_invalid")
    );
    let other = replica.post(&path, &alice.token(Action::Suspend)).await;
    assert_eq!((other.status, other.text("code")), (422, "intent_invalid"));

    let erase = alice.token(Action::Erase);
    let erased = replica.post(&path, &erase).await;
    assert_eq!(erased.status, 200, "{}", erased.body);
    assert_eq!(
        (erased.text("status"), &erased.body["erased"]),
        ("closed", &true.into())
    );
    assert!(
        world
            .log
            .personal_keys(&[alice.id])
            .await
            .unwrap()
            .is_empty()
    );
    let head = world.head().await;
    assert_eq!(replica.post(&path, &erase).await.body, erased.body);

    for (path, token, status, code) in [
        (&path, alice.token(Action::Erase), 409, "illegal_transition"),
        (
            &alice.keys_path(),
            alice.create_key(2, 3),
            403,
            "account_not_active",
        ),
        (
            &format!("/v1/keys/{key}/signatures"),
            alice.sign(key, "message"),
            403,
            "account_not_active",
        ),
        (
            &format!("/v1/accounts/{}/reactivate", alice.id),
            alice.token(Action::Reactivate),
            409,
            "illegal_transition",
        ),
        // Neither the same registration nor another brings it back.
        (
            &"/v1/accounts".to_owned(),
            registration,
            409,
            "account_exists",
        ),
        (
            &"/v1/accounts".to_owned(),
            alice.register(),
            409,
            "account_exists",
        ),
    ] {
        let answer = replica.post(path, &token).await;
        assert_eq!(
            (answer.status, answer.text("code")),
            (status, code),
            "{path}"
        );
    }
    assert_eq!(world.head().await, head);

    // The names are somebody else's now.
    let heir = Account::new("heir", world.clock.clone());
    let token = heir.token(heir.registration("Alice", "alice@example.com"));
    assert_eq!(replica.post("/v1/accounts", &token).await.status, 201);
}
