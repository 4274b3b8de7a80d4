//! Bad input: each gets its problem, and leaves no event.

use axum::body::Body;
use axum::http::Request;
use countersign_domain::bytes::Hex;
use countersign_domain::ids::KeyId;
use countersign_domain::intent::{Action, SignPayload};
use countersign_domain::path::DerivationPath;
use serde_json::{Map, Value, json};

use crate::support::{Answer, Client, Replica, World, create_key, digest, path_of, sign};

/// Alice with an active key.
struct Stage {
    world: World,
    replica: Replica,
    alice: Client,
    key: KeyId,
    head: u64,
}

impl Stage {
    async fn set() -> Self {
        let world = World::new(3).await;
        let replica = world.replica().await;
        let alice = world.registered("alice", &replica).await;
        let key = world.key(&alice, (2, 3), &replica).await;
        let mut stage = Self {
            world,
            replica,
            alice,
            key,
            head: 0,
        };
        stage.mark().await;
        stage
    }

    /// What comes from here on must leave no event.
    async fn mark(&mut self) {
        self.head = self.world.head().await;
    }

    fn keys(&self) -> String {
        format!("/v1/accounts/{}/keys", self.alice.account)
    }

    fn signatures(&self) -> String {
        format!("/v1/keys/{}/signatures", self.key)
    }

    /// Refused so, and nothing has happened.
    async fn refused(&self, answer: Answer, status: u16, code: &str, field: Option<&str>) {
        answer.is_problem(status, code, field);
        assert_eq!(self.world.head().await, self.head);
    }

    /// A token is refused at a path, whether the client waits or not.
    async fn refuses(
        &self,
        (path, token): (&str, &str),
        (status, code, field): (u16, &str, Option<&str>),
    ) {
        for answer in [
            self.replica.post(path, token).await,
            self.replica.wait(path, token).await,
        ] {
            self.refused(answer, status, code, field).await;
        }
    }

    /// A key creation with one claim changed.
    async fn refuses_creation(&self, change: impl FnOnce(&mut Map<String, Value>), field: &str) {
        let token = self.alice.altered("bad", create_key(2, 3), change);
        let expected = (422, "intent_invalid", Some(field));
        self.refuses((&self.keys(), &token), expected).await;
    }

    /// A signature with one claim changed.
    async fn refuses_signing(&self, change: impl FnOnce(&mut Map<String, Value>), field: &str) {
        let action = Action::Sign {
            key: self.key,
            epoch: 1,
            path: DerivationPath::default(),
            payload: SignPayload::Digest {
                hash: None,
                digest: digest("m"),
            },
        };
        let token = self.alice.altered("bad", action, change);
        let expected = (422, "intent_invalid", Some(field));
        self.refuses((&self.signatures(), &token), expected).await;
    }
}

#[tokio::test]
async fn a_quorum_that_cannot_be_names_what_is_wrong_with_it() {
    let stage = Stage::set().await;
    let set = |threshold: u8, parties: u8| {
        move |claims: &mut Map<String, Value>| {
            claims["threshold"] = json!(threshold);
            claims["parties"] = json!(parties);
        }
    };
    stage.refuses_creation(set(1, 3), "threshold").await;
    stage.refuses_creation(set(0, 3), "threshold").await;
    stage.refuses_creation(set(4, 3), "threshold").await;
    stage.refuses_creation(set(2, 33), "parties").await;
    // More than this deployment has.
    stage.refuses_creation(set(2, 4), "parties").await;
}

#[tokio::test]
async fn a_claim_that_is_wrong_unknown_or_missing_is_named() {
    let stage = Stage::set().await;
    stage
        .refuses_creation(|c| c["engine"] = json!("gg18"), "engine")
        .await;
    stage
        .refuses_creation(|c| drop(c.insert("nonce".into(), json!(1))), "nonce")
        .await;
    stage
        .refuses_creation(|c| drop(c.remove("parties")), "parties")
        .await;
    stage
        .refuses_creation(|c| c["aud"] = json!("another"), "aud")
        .await;
    stage
        .refuses_creation(|c| c["kind"] = json!("key.destroy"), "kind")
        .await;
    stage
        .refuses_creation(|c| c["jti"] = json!(""), "jti")
        .await;
    stage
        .refuses_creation(|c| c["exp"] = c["iat"].clone(), "exp")
        .await;
}

#[tokio::test]
async fn what_cannot_be_signed_is_named() {
    let stage = Stage::set().await;
    stage
        .refuses_signing(|c| drop(c.insert("hash".into(), json!("md5"))), "hash")
        .await;
    stage
        .refuses_signing(|c| c["digest"] = json!("00".repeat(31)), "digest")
        .await;
    stage
        .refuses_signing(|c| c["digest"] = json!("00".repeat(33)), "digest")
        .await;
    stage
        .refuses_signing(|c| drop(c.insert("path".into(), json!("m/44'/60"))), "path")
        .await;
    stage
        .refuses_signing(|c| drop(c.insert("message".into(), json!("bQ"))), "digest")
        .await;
}

#[tokio::test]
async fn an_intent_is_for_its_own_endpoint_account_key_and_session_only() {
    let stage = Stage::set().await;
    let bob = stage.world.registered("bob", &stage.replica).await;
    let stage = Stage {
        head: stage.world.head().await,
        ..stage
    };
    let creation = stage.alice.intent("c", create_key(2, 3));
    let other_account = format!("/v1/accounts/{}/keys", bob.account);
    let signing = stage.alice.intent("s", sign(stage.key, "m"));
    let other_key = format!("/v1/keys/{}/signatures", uuid::Uuid::from_u128(7));
    let session = countersign_domain::ids::SessionId::default();
    let cancel = stage.alice.intent("x", Action::Cancel { session });
    let other_session = format!("/v1/sessions/{}/cancel", uuid::Uuid::from_u128(7));
    for (path, token, field) in [
        (other_account.as_str(), &creation, "account"),
        (&other_key, &signing, "key"),
        (&other_session, &cancel, "session"),
        (&stage.keys(), &signing, "kind"),
        (&stage.signatures(), &creation, "kind"),
        ("/v1/accounts", &creation, "kind"),
        (&format!("/v1/keys/{}/freeze", stage.key), &signing, "kind"),
        (
            &format!("/v1/accounts/{}/suspend", stage.alice.account),
            &creation,
            "kind",
        ),
    ] {
        let expected = (422, "intent_invalid", Some(field));
        stage.refuses((path, token), expected).await;
    }
    // Bob has no say over Alice's key, and is not told that there is one.
    for action in [sign(stage.key, "m"), Action::Freeze { key: stage.key }] {
        let token = bob.intent("b", action.clone());
        let path = path_of(&bob, &action);
        stage
            .refuses((&path, &token), (404, "not_found", None))
            .await;
    }
    let token = stage.alice.intent("n", Action::Cancel { session });
    let path = format!("/v1/sessions/{session}/cancel");
    stage
        .refuses((&path, &token), (404, "not_found", None))
        .await;
}

#[tokio::test]
async fn only_the_accounts_own_signature_counts_and_only_in_its_time() {
    let stage = Stage::set().await;
    let path = stage.signatures();
    let action = || sign(stage.key, "m");
    let signature = (401, "intent_signature", Some("intent"));
    let mallory = stage.world.client("mallory");
    let forged = mallory.altered("f", action(), |claims| {
        claims["account"] = json!(stage.alice.account);
    });
    stage.refuses((&path, &forged), signature).await;
    // The claims of one intent under the signature of another.
    let (one, other) = (
        stage.alice.intent("1", action()),
        stage.alice.intent("2", sign(stage.key, "another")),
    );
    let (claims, _) = one.rsplit_once('.').expect("three parts");
    let (_, seal) = other.rsplit_once('.').expect("three parts");
    let mixed = format!("{claims}.{seal}");
    stage.refuses((&path, &mixed), signature).await;
    let unknown = mallory.intent("u", action());
    stage
        .refuses((&path, &unknown), (404, "not_found", None))
        .await;
    for junk in ["", "a.b", "a.b.c", "not a token at all"] {
        let expected = (422, "intent_invalid", Some("intent"));
        stage.refuses((&path, junk), expected).await;
    }
    let now = stage.world.clock.now();
    let at = |seconds| now + chrono::Duration::seconds(seconds);
    let expired = stage.alice.intent_at(at(-3600), "e", action());
    let expected = (401, "intent_expired", Some("exp"));
    stage.refuses((&path, &expired), expected).await;
    let future = stage.alice.intent_at(at(61), "i", action());
    let expected = (401, "intent_expired", Some("iat"));
    stage.refuses((&path, &future), expected).await;
    // Clocks may differ by a minute.
    let near = stage.alice.intent_at(at(60), "n", action());
    stage.replica.wait(&path, &near).await.has_status(200);
}

#[tokio::test]
async fn one_account_to_an_auth_key_a_user_name_and_an_email() {
    let stage = Stage::set().await;
    let bob = stage.world.client("bob");
    let registered = |username, email| bob.intent("r", bob.registration_as(username, email));
    for (token, code, field) in [
        (
            registered("alice", "bob@example.com"),
            "username_taken",
            "username",
        ),
        (
            registered("ALICE", "bob@example.com"),
            "username_taken",
            "username",
        ),
        (
            registered("bob", "alice@example.com"),
            "email_taken",
            "email",
        ),
        (
            registered("bob", "Alice@Example.COM"),
            "email_taken",
            "email",
        ),
        (
            stage.alice.intent(
                "again",
                stage.alice.registration_as("carol", "c@example.com"),
            ),
            "account_exists",
            "auth_key",
        ),
    ] {
        stage
            .refuses(("/v1/accounts", &token), (409, code, Some(field)))
            .await;
    }
    // What was refused holds nothing back.
    let token = registered("bob", "bob@example.com");
    stage
        .replica
        .post("/v1/accounts", &token)
        .await
        .has_status(201);
}

#[tokio::test]
async fn what_the_state_does_not_allow_is_refused() {
    let mut stage = Stage::set().await;
    let stale = stage
        .alice
        .altered("e", sign(stage.key, "m"), |c| c["epoch"] = json!(2));
    let expected = (409, "epoch_stale", Some("epoch"));
    stage.refuses((&stage.signatures(), &stale), expected).await;

    let (key, illegal) = (stage.key, (409, "illegal_transition", None));
    let unfreeze = stage.alice.intent("u", Action::Unfreeze { key });
    let path = format!("/v1/keys/{key}/unfreeze");
    stage.refuses((&path, &unfreeze), illegal).await;
    stage
        .replica
        .ask(&stage.alice, "f", Action::Freeze { key })
        .await
        .has_status(200);
    stage.mark().await;
    let token = stage.alice.intent("s", sign(key, "m"));
    let expected = (403, "key_not_active", None);
    stage.refuses((&stage.signatures(), &token), expected).await;

    let path = format!("/v1/accounts/{}/reactivate", stage.alice.account);
    let token = stage.alice.intent("r", Action::Reactivate);
    stage.refuses((&path, &token), illegal).await;
    stage
        .replica
        .ask(&stage.alice, "d", Action::Suspend)
        .await
        .has_status(200);
    stage.mark().await;
    let expected = (403, "account_not_active", None);
    let token = stage.alice.intent("c", create_key(2, 3));
    stage.refuses((&stage.keys(), &token), expected).await;
    let token = stage.alice.intent("t", sign(key, "m"));
    stage.refuses((&stage.signatures(), &token), expected).await;
}

#[tokio::test]
async fn a_jti_names_one_request_only_whatever_its_kind() {
    let mut stage = Stage::set().await;
    stage
        .replica
        .ask(&stage.alice, "j", sign(stage.key, "m"))
        .await
        .has_status(200);
    stage.mark().await;
    let reused = (409, "jti_reused", Some("jti"));
    let other = stage.alice.intent("j", sign(stage.key, "another message"));
    stage.refuses((&stage.signatures(), &other), reused).await;
    for action in [
        create_key(2, 3),
        Action::Suspend,
        Action::Freeze { key: stage.key },
    ] {
        let path = path_of(&stage.alice, &action);
        let token = stage.alice.intent("j", action);
        stage.refuses((&path, &token), reused).await;
    }
}

#[tokio::test]
async fn a_body_that_is_none_is_refused_as_what_it_is() {
    let stage = Stage::set().await;
    let json = "application/json";
    let long = json!({ "intent": "x".repeat(300_000) }).to_string();
    let token = stage.alice.intent("k", create_key(2, 3));
    let right = json!({ "intent": token }).to_string();
    let more = json!({ "intent": token, "dry_run": true }).to_string();
    for (kind, body, status, code, field) in [
        (json, long.as_str(), 413, "body_too_large", None),
        (json, "{", 400, "malformed_json", None),
        (json, "\u{0}\u{1}", 400, "malformed_json", None),
        (json, "[]", 400, "malformed_json", None),
        (json, "", 400, "malformed_json", None),
        (json, "{}", 400, "missing_field", Some("intent")),
        (
            json,
            r#"{"intent": 7}"#,
            400,
            "invalid_field",
            Some("intent"),
        ),
        (json, &more, 400, "unknown_field", Some("dry_run")),
        ("text/plain", &right, 415, "unsupported_media_type", None),
        (
            "application/jsonish",
            &right,
            415,
            "unsupported_media_type",
            None,
        ),
    ] {
        let request = Request::post(stage.keys()).header("content-type", kind);
        let request = request
            .body(Body::from(body.to_owned()))
            .expect("a request");
        let answer = stage.replica.send(request).await;
        stage.refused(answer, status, code, field).await;
    }
    let untyped = Request::post(stage.keys())
        .body(Body::from(right))
        .expect("a request");
    let answer = stage.replica.send(untyped).await;
    stage
        .refused(answer, 415, "unsupported_media_type", None)
        .await;
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_are_refused() {
    let stage = Stage::set().await;
    let token = stage.alice.intent("k", create_key(2, 3));
    for id in [
        "7",
        "not-a-uuid",
        "%FF",
        "00000000-0000-0000-0000-00000000000g",
    ] {
        let path = format!("/v1/accounts/{id}/keys");
        stage
            .refuses((&path, &token), (400, "invalid_id", Some("id")))
            .await;
    }
    let unknown = (404, "unknown_route", None);
    for path in ["/", "/v1", "/v2/accounts", "/v1/accounts/"] {
        stage.refuses((path, &token), unknown).await;
    }
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let request = Request::builder().method(method).uri(stage.keys());
        let answer = stage
            .replica
            .send(request.body(Body::empty()).expect("it"))
            .await;
        assert_eq!(answer.header("allow"), "POST");
        stage.refused(answer, 405, "method_not_allowed", None).await;
    }
}

#[tokio::test]
async fn a_refusal_names_the_trace_that_the_request_brought() {
    let stage = Stage::set().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    for (parent, expected) in [
        (format!("00-{trace}-b7ad6b7169203331-01"), trace.to_owned()),
        // No trace at all is as good as none: a new one begins.
        (
            format!("00-{trace}-0000000000000000-01"),
            Hex([0xe5; 16]).to_string(),
        ),
        ("nonsense".to_owned(), Hex([0xe5; 16]).to_string()),
    ] {
        let request = Request::post(stage.keys()).header("traceparent", parent);
        let answer = stage
            .replica
            .send(request.body(Body::empty()).expect("it"))
            .await;
        assert_eq!(answer.body["trace_id"], expected);
    }
}
