//! The log of a server, by its read API.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_audit::{SignedCheckpoint, Source, VerifierKey};
use countersign_event_store::{Envelope, LogError};
use serde_json::Value;

use crate::client::Server;
use crate::failure::{Failure, Outcome};

/// The most events that a server answers with at once.
const MAX_EVENTS: usize = 1000;

/// A server that is believed nothing.
#[derive(Debug, Clone)]
pub(super) struct ServerLog {
    server: Server,
}

impl ServerLog {
    pub(super) fn at(url: &str) -> Self {
        Self {
            server: Server::at(url, url),
        }
    }

    /// The newest checkpoint, with the key that it came with.
    pub(super) async fn newest(&self) -> Outcome<(SignedCheckpoint, VerifierKey)> {
        let answer = self.get("/v1/checkpoints/latest".to_owned()).await?;
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let told = |error: String| Failure::data(format!("the server's checkpoint: {error}"));
        let checkpoint =
            SignedCheckpoint::parse(&text("checkpoint")).map_err(|e| told(e.to_string()))?;
        let key = text("key").parse();
        let key: VerifierKey = key.map_err(|e| told(format!("its key: {e}")))?;
        Ok((checkpoint, key))
    }

    /// The client waits for its answer on a thread of its own.
    async fn get(&self, path: String) -> Outcome<Value> {
        let server = self.server.clone();
        let answer = tokio::task::spawn_blocking(move || server.get(&path)).await;
        answer.map_err(Failure::internal)?
    }

    async fn page(&self, after: u64, limit: usize) -> Result<Value, LogError> {
        let answer = self.get(format!("/v1/events?after={after}&limit={limit}"));
        answer
            .await
            .map_err(|failure| LogError::storage("reading from the server", failure.message))
    }
}

#[async_trait]
impl Source for ServerLog {
    async fn head(&self) -> Result<u64, LogError> {
        let page = self.page(0, 1).await?;
        page["head_position"]
            .as_u64()
            .ok_or_else(|| LogError::storage("reading from the server", "it tells no head"))
    }

    async fn read(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, LogError> {
        let mut page = self.page(after, limit.clamp(1, MAX_EVENTS)).await?;
        serde_json::from_value(page["events"].take())
            .map_err(|error| LogError::storage("reading an event from the server", error))
    }
}
