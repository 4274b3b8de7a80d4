//! Somebody who listens to an event stream.

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use futures::StreamExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::Server;

/// A message of an event stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: u64,
    /// Empty for an event of the log.
    pub(crate) event: String,
    pub(crate) data: Value,
}

/// A stream, and what has come of it.
pub(crate) struct Listener {
    body: BodyDataStream,
    text: String,
}

impl Server {
    /// Opens a stream; `last_event_id` as a client has it that comes back.
    pub(crate) async fn listen(&self, path: &str, last_event_id: Option<u64>) -> Listener {
        Listener::open(self.router.clone(), path, last_event_id).await
    }
}

impl Listener {
    async fn open(router: Router, path: &str, last_event_id: Option<u64>) -> Self {
        let mut request = Request::get(path);
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = router.oneshot(request).await.expect("infallible");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    /// The next block, up to its empty line; none at the end.
    pub(crate) async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let Some(bytes) = self.body.next().await else {
                assert_eq!(self.text, "", "half a block at the end");
                return None;
            };
            let bytes = bytes.expect("no stream breaks off");
            self.text += std::str::from_utf8(&bytes).expect("text");
        }
    }

    /// The next message; none at the end. Comments are passed over.
    pub(crate) async fn message(&mut self) -> Option<Message> {
        loop {
            let block = self.block().await?;
            let (mut id, mut event, mut data) = (None, String::new(), None);
            for line in block.lines() {
                match line.split_once(": ") {
                    Some(("id", text)) => id = text.parse().ok(),
                    Some(("event", text)) => text.clone_into(&mut event),
                    Some(("data", text)) => data = serde_json::from_str(text).ok(),
                    Some(("retry", _)) | None => {}
                    Some((other, _)) => panic!("a field `{other}`"),
                }
            }
            if let (Some(id), Some(data)) = (id, data) {
                return Some(Message { id, event, data });
            }
        }
    }

    /// The next event of the log; markers are passed over.
    pub(crate) async fn event(&mut self) -> Message {
        loop {
            let message = self.message().await.expect("the stream goes on");
            if message.event.is_empty() {
                assert_eq!(message.data["position"], message.id);
                return message;
            }
            assert_eq!(message.event, "position", "{message:?}");
        }
    }

    /// Positions of the next events.
    pub(crate) async fn positions(&mut self, count: usize) -> Vec<u64> {
        let mut positions = vec![];
        for _ in 0..count {
            positions.push(self.event().await.id);
        }
        positions
    }
}
