//! Intents that are refused: each names what is wrong, and leaves no event.

use chrono::Duration;
use countersign_domain::engine::EngineId;
use countersign_domain::ids::{KeyId, SessionId};
use countersign_domain::intent::{Action, Intent};
use countersign_domain::jws;
use countersign_domain::quorum::Quorum;
use serde_json::{Map, Value, json};

use crate::support::{Account, Replica, World, signing};

struct Refused<'a> {
    path: &'a str,
    token: String,
    status: u16,
    code: &'a str,
    field: &'a str,
}

async fn assert_refused(world: &World, replica: &Replica, refused: Refused<'_>) {
    let head = world.head().await;
    let answer = replica.post(refused.path, &refused.token).await;
    let told = (
        answer.status,
        answer.text("code"),
        answer.body["field"].as_str().unwrap_or_default(),
    );
    assert_eq!(
        told,
        (refused.status, refused.code, refused.field),
        "{}",
        answer.body
    );
    assert_eq!(world.head().await, head, "an event was left");
}

/// The claims of a registration, with some of them changed and signed again.
fn changed(account: &Account, change: impl FnOnce(&mut Map<String, Value>)) -> String {
    let mut claims = jws::claims(&account.register()).unwrap();
    change(&mut claims);
    let typ = countersign_domain::intent::TYPE;
    jws::sign(typ, &Value::Object(claims), &account.signer).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_registration_names_the_claim_that_is_wrong() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = Account::new("alice", world.clock.clone());
    let hour = 3600;

    for (claim, value) in [
        ("aud", json!("another")),
        ("jti", json!("")),
        ("iat", json!("now")),
        ("exp", json!(1)),
        ("exp", json!(1_800_000_000 + 25 * hour)),
        ("kind", json!("account.delete")),
        ("username", json!("al")),
        ("username", json!("not a name")),
        ("email", json!("nobody")),
        ("auth_key", json!({"kty": "oct"})),
        ("threshold", json!(1)),
        ("threshold", json!(4)),
        ("threshold", json!("2")),
        ("parties", json!(33)),
        ("colour", json!("red")),
    ] {
        let token = changed(&alice, |claims| {
            claims.insert(claim.to_owned(), value);
        });
        let refused = Refused {
            path: "/v1/accounts",
            token,
            status: 422,
            code: "intent_invalid",
            field: claim,
        };
        assert_refused(&world, &replica, refused).await;
    }
    for claim in [
        "aud",
        "jti",
        "iat",
        "exp",
        "kind",
        "username",
        "email",
        "auth_key",
        "threshold",
        "parties",
    ] {
        let token = changed(&alice, |claims| {
            claims.remove(claim);
        });
        let refused = Refused {
            path: "/v1/accounts",
            token,
            status: 422,
            code: "intent_invalid",
            field: claim,
        };
        assert_refused(&world, &replica, refused).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_intent_counts_only_with_its_own_accounts_signature() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let mallory = world.account(&replica, "mallory").await;
    let nobody = Account::new("nobody", world.clock.clone());
    let key = alice.key(&replica, 2, 3).await;
    let signatures = format!("/v1/keys/{key}/signatures");
    let by_mallory = |intent: Intent| intent.sign(&mallory.signer).unwrap();
    let forged = by_mallory(alice.intent(signing(key, "message")));
    let registration = by_mallory(nobody.intent(nobody.registration("nobody", "n@example.com")));
    let mut parts: Vec<String> = alice
        .sign(key, "message")
        .split('.')
        .map(ToOwned::to_owned)
        .collect();
    parts[1] = alice
        .sign(key, "another")
        .split('.')
        .nth(1)
        .unwrap()
        .to_owned();
    let spliced = parts.join(".");

    for (path, token, status, code, field) in [
        (
            signatures.as_str(),
            forged,
            401,
            "intent_signature",
            "intent",
        ),
        (&signatures, spliced, 401, "intent_signature", "intent"),
        (
            "/v1/accounts",
            registration,
            401,
            "intent_signature",
            "intent",
        ),
        // Her own intent, and somebody else's things.
        (
            &signatures,
            mallory.sign(key, "message"),
            404,
            "not_found",
            "",
        ),
        (
            &alice.keys_path(),
            mallory.create_key(2, 3),
            422,
            "intent_invalid",
            "account",
        ),
        (
            &signatures,
            nobody.sign(key, "message"),
            404,
            "not_found",
            "",
        ),
        (
            &signatures,
            "a.b.c".to_owned(),
            422,
            "intent_invalid",
            "intent",
        ),
    ] {
        let refused = Refused {
            path,
            token,
            status,
            code,
            field,
        };
        assert_refused(&world, &replica, refused).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_intent_counts_only_where_it_says() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let key = alice.key(&replica, 2, 3).await;
    let (other, session) = (KeyId::default(), SessionId::default());
    let account = format!("/v1/accounts/{}", alice.id);
    let (keys, suspend, reactivate) = (
        format!("{account}/keys"),
        format!("{account}/suspend"),
        format!("{account}/reactivate"),
    );
    let (signatures, freeze, unfreeze) = (
        format!("/v1/keys/{key}/signatures"),
        format!("/v1/keys/{key}/freeze"),
        format!("/v1/keys/{key}/unfreeze"),
    );
    let cancel = format!("/v1/sessions/{session}/cancel");
    let another = "/v1/sessions/00000000-0000-0000-0000-000000000001/cancel";

    for (path, action, field) in [
        ("/v1/accounts", Action::Suspend, "kind"),
        (&keys, Action::Suspend, "kind"),
        (&suspend, Action::Reactivate, "kind"),
        (&reactivate, Action::Suspend, "kind"),
        (&freeze, Action::Unfreeze { key }, "kind"),
        (&unfreeze, Action::Freeze { key }, "kind"),
        (&freeze, Action::Freeze { key: other }, "key"),
        (&unfreeze, Action::Unfreeze { key: other }, "key"),
        (&signatures, signing(other, "message"), "key"),
        (&signatures, Action::Freeze { key }, "kind"),
        (&cancel, Action::Suspend, "kind"),
        (another, Action::Cancel { session }, "session"),
    ] {
        let refused = Refused {
            path,
            token: alice.token(action),
            status: 422,
            code: "intent_invalid",
            field,
        };
        assert_refused(&world, &replica, refused).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_intent_counts_only_in_its_time() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let suspend = format!("/v1/accounts/{}/suspend", alice.id);
    let at = |shift: Duration| {
        let mut intent = alice.intent(Action::Suspend);
        intent.issued_at += shift;
        intent.expires_at += shift;
        intent.sign(&alice.signer).unwrap()
    };

    for (shift, field) in [(Duration::hours(-1), "exp"), (Duration::hours(1), "iat")] {
        let refused = Refused {
            path: &suspend,
            token: at(shift),
            status: 401,
            code: "intent_expired",
            field,
        };
        assert_refused(&world, &replica, refused).await;
    }
    // Clocks may differ a little.
    let ahead = replica.post(&suspend, &at(Duration::seconds(30))).await;
    assert_eq!(ahead.status, 200, "{}", ahead.body);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_not_found() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let (key, session) = (KeyId::default(), SessionId::default());

    for (path, action) in [
        (
            format!("/v1/keys/{key}/signatures"),
            signing(key, "message"),
        ),
        (format!("/v1/keys/{key}/freeze"), Action::Freeze { key }),
        (format!("/v1/keys/{key}/unfreeze"), Action::Unfreeze { key }),
        (
            format!("/v1/sessions/{session}/cancel"),
            Action::Cancel { session },
        ),
    ] {
        let refused = Refused {
            path: &path,
            token: alice.token(action),
            status: 404,
            code: "not_found",
            field: "",
        };
        assert_refused(&world, &replica, refused).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_needs_as_many_parties_as_there_are() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    let action = Action::CreateKey {
        engine: EngineId::Dkls23,
        quorum: Quorum::new(2, 4).unwrap(),
    };

    let refused = Refused {
        path: &alice.keys_path(),
        token: alice.token(action),
        status: 422,
        code: "intent_invalid",
        field: "parties",
    };
    assert_refused(&world, &replica, refused).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_made_yet_does_not_sign() {
    let world = World::new(3).await;
    let replica = world.replica().await;
    let alice = world.account(&replica, "alice").await;
    world.let_party("p1", crate::support::Conduct::Absent);
    let started = replica
        .post(&alice.keys_path(), &alice.create_key(2, 3))
        .await;
    let key: KeyId = started.text("key_id").parse().unwrap();
    world.until_events("ParticipantReady", 2).await;

    let refused = Refused {
        path: &format!("/v1/keys/{key}/signatures"),
        token: alice.sign(key, "message"),
        status: 403,
        code: "key_not_active",
        field: "",
    };
    assert_refused(&world, &replica, refused).await;
}
