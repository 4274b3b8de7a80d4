//! A receiver on a port of its own, which does as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What it does with a message.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Status(u16),
    With(u16, &'static str, String),
    /// Takes it, and never answers.
    Hang,
    /// Answers 200 with so many bytes.
    Long(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Debug)]
struct Inner {
    replies: Mutex<VecDeque<Reply>>,
    received: Mutex<Vec<Received>>,
    count: watch::Sender<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    inner: Arc<Inner>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("text")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn position(&self) -> u64 {
        self.json()["data"]["position"]
            .as_u64()
            .expect("a position")
    }
}

impl Receiver {
    /// Answers with these, one after the other, and then with 200.
    pub(crate) async fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let inner = Arc::new(Inner {
            replies: Mutex::new(replies.into_iter().collect()),
            received: Mutex::default(),
            count: watch::Sender::new(0),
        });
        let router = Router::new().fallback(receive).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url: format!("http://{address}/hook?a=b"),
            inner,
        }
    }

    /// Waits until it has had so many messages, and returns all of them.
    pub(crate) async fn has(&self, count: usize) -> Vec<Received> {
        let mut counts = self.inner.count.subscribe();
        let come = counts.wait_for(|now| *now >= count);
        let come = tokio::time::timeout(Duration::from_secs(60), come).await;
        come.expect("they come in time").expect("a receiver");
        self.received()
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.inner.received.lock().expect("no panic").clone()
    }

    pub(crate) async fn positions(&self, count: usize) -> Vec<u64> {
        self.has(count)
            .await
            .iter()
            .map(Received::position)
            .collect()
    }
}

async fn receive(
    State(inner): State<Arc<Inner>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let reply = inner.replies.lock().expect("no panic").pop_front();
    let message = Received { headers, body };
    inner.received.lock().expect("no panic").push(message);
    inner.count.send_modify(|count| *count += 1);
    let answer = Response::builder();
    match reply.unwrap_or(Reply::Status(200)) {
        Reply::Status(status) => answer.status(status).body(Body::empty()),
        Reply::With(status, name, value) => answer
            .status(status)
            .header(name, value)
            .body(Body::empty()),
        Reply::Long(bytes) => answer.body(Body::from(vec![b'x'; bytes])),
        Reply::Hang => std::future::pending().await,
    }
    .expect("an answer")
}
