//! The endpoints that manage webhooks.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use countersign_webhooks::router;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::receiver::{Receiver, Reply};
use crate::world::World;

struct Api(Router);

impl Api {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).expect("a request")).await
    }

    async fn send(&self, request: Request<Body>) -> (u16, Value) {
        let Ok(response) = self.0.clone().oneshot(request).await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.expect("it");
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn patch(&self, path: &str, body: Value) -> (u16, Value) {
        self.ask(Method::PATCH, path, Some(body)).await
    }
}

fn api(world: &World) -> Api {
    Api(router(world.webhooks("a")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_made_shown_changed_and_removed() {
    let world = World::new().await;
    world.append(1, &["SessionCreated", "SessionStarted"]).await;
    let api = api(&world);
    let receiver = Receiver::new([]).await;
    let filter = json!({ "types": ["SessionCompleted"] });
    let (status, made) = api
        .post(
            "/v1/webhooks",
            json!({ "url": receiver.url, "filter": filter }),
        )
        .await;
    assert_eq!(status, 201, "{made}");
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    assert!(secret.starts_with("whsec_"));
    let path = format!(
        "/v1/webhooks/{}",
        made["webhook_id"].as_str().expect("an id")
    );
    let (status, shown) = api.get(&path).await;
    assert_eq!(status, 200);
    for (name, value) in [
        ("url", json!(receiver.url)),
        ("filter", filter),
        ("state", json!("active")),
        ("cursor", json!(2)),
        ("head_position", json!(2)),
        ("lag", json!(0)),
        ("dead_letters", json!(0)),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    assert_eq!(shown.get("secret"), None, "it is told once");
    let (_, all) = api.get("/v1/webhooks").await;
    assert_eq!(all["items"], json!([shown]));
    assert!(!all.to_string().contains(&secret));

    let (status, paused) = api.patch(&path, json!({ "state": "paused" })).await;
    assert_eq!((status, &paused["state"]), (200, &json!("paused")));
    let (_, changed) = api
        .patch(&path, json!({ "filter": {}, "state": "active" }))
        .await;
    assert_eq!(changed["filter"], json!({}));
    assert_eq!(changed["state"], "active");
    let (status, back) = api
        .post(&format!("{path}/replay"), json!({ "from": 1 }))
        .await;
    assert_eq!(
        (status, &back["cursor"], &back["lag"]),
        (200, &json!(0), &json!(2))
    );
    let (status, rotated) = api.post(&format!("{path}/rotate-secret"), json!({})).await;
    assert_eq!(status, 200);
    assert_ne!(rotated["secret"], secret.as_str());
    assert!(rotated["previous_secret_until"].is_string());
    let (status, tried) = api.post(&format!("{path}/test"), json!({})).await;
    assert_eq!(
        (status, tried),
        (200, json!({ "delivered": true, "status": 200 }))
    );
    assert_eq!(receiver.has(1).await[0].json()["type"], "webhook.test");

    let (status, _) = api.ask(Method::DELETE, &path, None).await;
    assert_eq!(status, 204);
    let (status, problem) = api.get(&path).await;
    assert_eq!((status, &problem["code"]), (404, &json!("not_found")));
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_in_pages_and_sent_again() {
    let mut world = World::new().await;
    world.schedule.delays.clear();
    let running = world.run("a");
    let receiver = Receiver::new([500, 200, 500].map(Reply::Status)).await;
    let (id, _) = running.add(&receiver.url).await;
    world
        .append(1, &["SessionCreated", "SessionStarted", "SessionFailed"])
        .await;
    running.until(id, |it| it.subscription.cursor == 3).await;
    let api = Api(router(running.webhooks.clone()));
    let path = format!("/v1/webhooks/{id}/dead-letters");
    let (status, page) = api.get(&format!("{path}?limit=1")).await;
    assert_eq!(status, 200);
    assert_eq!(page["items"][0]["position"], 1);
    assert_eq!(page["next_after"], 1);
    let (_, page) = api.get(&format!("{path}?after=1")).await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["items"][0]["position"], 3);
    assert_eq!(page.get("next_after"), None);
    let again = format!("{path}/3/redeliver");
    let (status, tried) = api.post(&again, json!({})).await;
    assert_eq!((status, &tried["delivered"]), (200, &json!(true)));
    let (status, problem) = api.post(&again, json!({})).await;
    assert_eq!((status, &problem["field"]), (404, &json!("position")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_and_leaves_nothing() {
    let world = World::new().await;
    let api = api(&world);
    let url = "http://127.0.0.1:9/";
    let many: Vec<_> = (0..101).map(|_| Uuid::nil()).collect();
    for (body, status, code, field, said) in [
        (json!({}), 400, "missing_field", "url", "missing"),
        (json!({ "url": 7 }), 400, "invalid_field", "url", "string"),
        (
            json!({ "url": "nowhere" }),
            422,
            "url_refused",
            "url",
            "https://example.com",
        ),
        (
            json!({ "url": "ftp://a.b" }),
            422,
            "url_refused",
            "url",
            "https://",
        ),
        (
            json!({ "url": "http://10.0.0.1/" }),
            422,
            "url_refused",
            "url",
            "webhooks.allow_networks",
        ),
        (
            json!({ "url": "http://0x0a.1/" }),
            422,
            "url_refused",
            "url",
            "10.0.0.1",
        ),
        (
            json!({ "url": "http://[::1]/" }),
            422,
            "url_refused",
            "url",
            "loopback",
        ),
        (
            json!({ "url": "http://a:b@127.0.0.1/" }),
            422,
            "url_refused",
            "url",
            "password",
        ),
        (
            json!({ "url": url, "ulr": 1 }),
            400,
            "unknown_field",
            "ulr",
            "ulr",
        ),
        (
            json!({ "url": url, "from": 2 }),
            400,
            "position_beyond_head",
            "from",
            "next one to come, 1",
        ),
        (
            json!({ "url": url, "from": 0 }),
            400,
            "invalid_field",
            "from",
            "1 or more",
        ),
        (
            json!({ "url": url, "from": -1 }),
            400,
            "invalid_field",
            "from",
            "1 or more",
        ),
        (
            json!({ "url": url, "from": 1.5 }),
            400,
            "invalid_field",
            "from",
            "1 or more",
        ),
        (
            json!({ "url": url, "secret": "whsec_x" }),
            400,
            "unknown_field",
            "secret",
            "secret",
        ),
        (
            json!({ "url": url, "webhook_id": "mine" }),
            400,
            "invalid_field",
            "webhook_id",
            "UUID",
        ),
        (
            json!({ "url": url, "filter": [] }),
            400,
            "invalid_field",
            "filter",
            "object",
        ),
        (
            json!({ "url": url, "filter": { "types": ["SesionFailed"] } }),
            400,
            "invalid_field",
            "filter.types",
            "did you mean `SessionFailed`?",
        ),
        (
            json!({ "url": url, "filter": { "keys": ["x"] } }),
            400,
            "invalid_field",
            "filter.keys",
            "UUID",
        ),
        (
            json!({ "url": url, "filter": { "keys": many } }),
            400,
            "invalid_field",
            "filter.keys",
            "100",
        ),
        (
            json!({ "url": url, "filter": { "key": [] } }),
            400,
            "unknown_field",
            "filter.key",
            "filter.key",
        ),
    ] {
        let (got, problem) = api.post("/v1/webhooks", body.clone()).await;
        assert_eq!(got, status, "{body}: {problem}");
        assert_eq!(problem["code"], code, "{body}");
        assert_eq!(problem["field"], field, "{body}");
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.contains(said), "{body}: {detail}");
        assert_eq!(problem["trace_id"].as_str().map(str::len), Some(32));
    }
    let (_, all) = api.get("/v1/webhooks").await;
    assert_eq!(all["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_methods_and_bodies_that_are_none_are_refused() {
    let world = World::new().await;
    let api = api(&world);
    let none = format!("/v1/webhooks/{}", Uuid::nil());
    for (method, path, body, status, code) in [
        (Method::GET, "/v1/webhooks/x", None, 400, "invalid_id"),
        (Method::GET, "/v1/hooks", None, 404, "unknown_route"),
        (
            Method::PUT,
            "/v1/webhooks",
            Some(json!({})),
            405,
            "method_not_allowed",
        ),
        (
            Method::GET,
            "/v1/webhooks?a=b",
            None,
            400,
            "unknown_parameter",
        ),
        (
            Method::POST,
            "/v1/webhooks",
            Some(json!([])),
            400,
            "malformed_json",
        ),
        (
            Method::POST,
            "/v1/webhooks",
            None,
            415,
            "unsupported_media_type",
        ),
        (Method::GET, &none, None, 404, "not_found"),
        (Method::DELETE, &none, None, 404, "not_found"),
        (
            Method::PATCH,
            &none,
            Some(json!({ "state": "off" })),
            400,
            "invalid_field",
        ),
        (
            Method::PATCH,
            &none,
            Some(json!({ "state": "paused" })),
            404,
            "not_found",
        ),
        (
            Method::POST,
            &format!("{none}/test"),
            Some(json!({})),
            404,
            "not_found",
        ),
        (
            Method::POST,
            &format!("{none}/test"),
            None,
            415,
            "unsupported_media_type",
        ),
        (
            Method::POST,
            &format!("{none}/replay"),
            Some(json!({})),
            400,
            "missing_field",
        ),
        (
            Method::POST,
            &format!("{none}/rotate-secret"),
            Some(json!({ "grace_seconds": 9_999_999 })),
            400,
            "invalid_field",
        ),
        (
            Method::GET,
            &format!("{none}/dead-letters?limit=0"),
            None,
            400,
            "invalid_parameter",
        ),
        (
            Method::POST,
            &format!("{none}/dead-letters/x/redeliver"),
            Some(json!({})),
            400,
            "invalid_id",
        ),
    ] {
        let (got, problem) = api.ask(method.clone(), path, body).await;
        assert_eq!(got, status, "{method} {path}: {problem}");
        assert_eq!(problem["code"], code, "{method} {path}");
        assert!(
            problem["type"]
                .as_str()
                .is_some_and(|it| it.ends_with(code))
        );
    }
    let large = json!({ "url": "a".repeat(70_000) });
    let (status, problem) = api.post("/v1/webhooks", large).await;
    assert_eq!((status, &problem["code"]), (413, &json!("body_too_large")));
}

#[tokio::test]
async fn a_request_that_is_sent_again_makes_no_second_one() {
    let world = World::new().await;
    world.append(1, &["SessionCreated"]).await;
    let api = api(&world);
    let receiver = Receiver::new([]).await;
    let id = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
    let asked = json!({ "webhook_id": id, "url": receiver.url, "from": 1 });
    // At once, as whoever does not wait for an answer does.
    let ask = || api.post("/v1/webhooks", asked.clone());
    let (one, two, three) = tokio::join!(ask(), ask(), ask());
    let answers = [one, two, three, ask().await];
    let made: Vec<_> = answers
        .iter()
        .filter(|(status, _)| *status == 201)
        .collect();
    assert_eq!(made.len(), 1, "{answers:?}");
    for (status, body) in &answers {
        assert!([200, 201].contains(status), "{body}");
        assert_eq!(body["webhook_id"], id);
        assert_eq!(body["secret"].is_string(), *status == 201, "told once");
    }
    let (_, all) = api.get("/v1/webhooks").await;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(1));
    for other in [
        json!({ "webhook_id": id, "url": format!("{}/other", receiver.url) }),
        json!({ "webhook_id": id, "url": receiver.url, "filter": { "types": ["KeyFrozen"] } }),
    ] {
        let (status, problem) = api.post("/v1/webhooks", other).await;
        assert_eq!(status, 409, "{problem}");
        assert_eq!(problem["code"], "webhook_id_taken");
        assert_eq!(problem["field"], "webhook_id");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_as_many_as_may_be() {
    let mut world = World::new().await;
    world.max = 1;
    let api = api(&world);
    let body = json!({ "url": "http://127.0.0.1:9/" });
    assert_eq!(api.post("/v1/webhooks", body.clone()).await.0, 201);
    let (status, problem) = api.post("/v1/webhooks", body).await;
    assert_eq!(
        (status, &problem["code"]),
        (409, &json!("too_many_webhooks"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_ready_while_log_and_store_are() {
    let world = World::new().await;
    let api = Api(router(Arc::clone(&world.webhooks("a"))));
    assert_eq!(api.get("/readyz").await.0, 200);
    assert_eq!(api.get("/healthz").await.0, 200);
    world.store.close().await;
    let (status, problem) = api.get("/readyz").await;
    assert_eq!((status, &problem["code"]), (503, &json!("unavailable")));
}
