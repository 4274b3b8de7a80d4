//! One replica of the command side, asked through its router.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use countersign_commands::{Commands, CommandsConfig, RunError, router};
use countersign_event_store::{HashKey, LocalLeases, NoCheckpoints};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use zeroize::Zeroizing;

use super::World;
use super::link::Link;

/// A replica; dropped, it goes on until the test ends.
pub(crate) struct Replica {
    pub(crate) commands: Arc<Commands>,
    router: Router,
    stop: CancellationToken,
    task: Option<JoinHandle<Result<(), RunError>>>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// A text of the body.
    pub(crate) fn text(&self, name: &str) -> &str {
        match self.body[name].as_str() {
            Some(text) => text,
            None => panic!("no `{name}` in {}", self.body),
        }
    }

    /// A header, empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl Replica {
    pub(super) fn new(world: &World, link: Link) -> Self {
        let commands = Arc::new(Commands::new(CommandsConfig {
            log: world.log.clone(),
            bus: Arc::new(link.clone()),
            roster: world.roster.clone(),
            presence: world.presence.clone(),
            clock: world.clock.clone(),
            entropy: Arc::new(|| [7; 16]),
            coordinator_secret: Zeroizing::new([9; 32]),
            personal: world.log.clone(),
            hash_key: HashKey::new(Zeroizing::new([8; 32])),
            policy: world.policy,
            feed: Arc::new(link),
            leases: Arc::new(LocalLeases),
            checkpoints: Arc::new(NoCheckpoints),
            replica: "test".to_owned(),
        }));
        Self {
            router: router(commands.clone()),
            commands,
            stop: CancellationToken::new(),
            task: None,
        }
    }

    pub(super) async fn start(mut self) -> Self {
        let running = self.commands.clone().run(self.stop.clone());
        self.task = Some(tokio::spawn(running));
        let mut ready = self.commands.readiness();
        ready.wait_for(|ready| *ready).await.unwrap();
        self
    }

    /// Stops it, as a signal to the process would.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            task.await.unwrap().unwrap();
        }
    }

    /// The same replica, to be asked by another task.
    pub(crate) fn clone_router(&self) -> Self {
        Self {
            commands: self.commands.clone(),
            router: self.router.clone(),
            stop: self.stop.clone(),
            task: None,
        }
    }

    /// Posts an intent.
    pub(crate) async fn post(&self, path: &str, token: &str) -> Answer {
        self.send(post(path, &json!({ "intent": token }).to_string()))
            .await
    }

    /// Posts an intent and waits for the session's end.
    pub(crate) async fn post_and_wait(&self, path: &str, token: &str) -> Answer {
        let mut request = post(path, &json!({ "intent": token }).to_string());
        let prefer = "wait=300".parse().unwrap();
        request.headers_mut().insert("prefer", prefer);
        self.send(request).await
    }

    /// What it says of itself.
    pub(crate) async fn readyz(&self) -> Answer {
        self.send(Request::get("/readyz").body(Body::empty()).unwrap())
            .await
    }

    /// Sends any request.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }
}

/// A JSON request.
pub(crate) fn post(path: &str, body: &str) -> Request<Body> {
    Request::post(path)
        .header("content-type", "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap()
}
