//! `/v1/checkpoints/latest` and `/v1/checkpoint`

use axum::body::Body;
use axum::http::{Request, StatusCode};
use countersign_audit::{Checkpoint, Published, SignedCheckpoint, SigningKey, VerifierKey};
use tower::ServiceExt as _;
use zeroize::Zeroizing;

use crate::support::Server;

const ORIGIN: &str = "log.example";

fn published(size: u64) -> Published {
    let key = SigningKey::new(ORIGIN, &Zeroizing::new([3; 32])).expect("a name");
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size,
        root: [0xab; 32],
        extensions: vec![],
    };
    Published {
        checkpoint: checkpoint.sign(&key).expect("signed"),
        key: key.verifier().clone(),
    }
}

async fn note(server: &Server) -> (StatusCode, String, String) {
    let request = Request::get("/v1/checkpoint").body(Body::empty());
    let answer = server.router.clone().oneshot(request.expect("a request"));
    let answer = answer.await.expect("infallible");
    let kind = answer.headers()["content-type"]
        .to_str()
        .expect("text")
        .to_owned();
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
    let body = String::from_utf8(body.expect("a body").to_vec()).expect("text");
    (status, kind, body)
}

#[tokio::test]
async fn without_one_the_answer_says_why() {
    let server = Server::start().await;
    let answer = server.get("/v1/checkpoints/latest").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.body["code"], "not_found");
    let detail = answer.body["detail"].as_str().expect("a sentence");
    assert!(detail.contains("checkpoints.key"), "{detail}");
    assert_eq!(note(&server).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_newest_is_served_whole_and_verifies() {
    let server = Server::start().await;
    server.register(1).await;
    server.register(2).await;
    server.checkpoint.send_replace(Some(published(1)));
    let answer = server.get("/v1/checkpoints/latest").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.body["origin"], ORIGIN);
    assert_eq!(answer.body["size"], 1);
    assert_eq!(answer.body["root"], "ab".repeat(32));
    assert_eq!(
        answer.body["head_position"], 2,
        "one event is not signed yet"
    );
    let text = |name: &str| answer.body[name].as_str().expect("a text");
    let signed = SignedCheckpoint::parse(text("checkpoint")).expect("a note");
    let key: VerifierKey = text("key").parse().expect("a key");
    assert_eq!(signed.verify(&[key]), Ok(vec![ORIGIN.to_owned()]));

    let (status, kind, body) = note(&server).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(kind, "text/plain; charset=utf-8");
    assert_eq!(body, text("checkpoint"));

    server.checkpoint.send_replace(Some(published(2)));
    let answer = server.get("/v1/checkpoints/latest").await;
    assert_eq!(answer.body["size"], 2);
}

#[tokio::test]
async fn unknown_parameters_are_refused() {
    let server = Server::start().await;
    for path in ["/v1/checkpoints/latest?size=1", "/v1/checkpoint?size=1"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(answer.body["field"], "size", "{path}");
    }
}
