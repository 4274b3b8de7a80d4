//! Plain HTTP, as any client would speak it.

use serde_json::Value;
use ureq::Agent;

/// Most connections that are kept open.
const CONNECTIONS: usize = 64;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: Value,
}

/// The two APIs of a system.
#[derive(Debug, Clone)]
pub struct Api {
    /// Base URL of the command endpoints.
    pub commands: String,
    /// Base URL of the read API.
    pub reads: String,
    agent: Agent,
}

impl Api {
    /// The APIs at these base URLs.
    #[must_use]
    pub fn new(commands: String, reads: String) -> Self {
        // As many callers as there are share this agent: each keeps its connection.
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_idle_connections(CONNECTIONS)
            .max_idle_connections_per_host(CONNECTIONS);
        Self {
            commands,
            reads,
            agent: config.build().new_agent(),
        }
    }

    /// Sends an intent and waits up to `wait` seconds for the session's end.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn post(&self, path: &str, intent: &str, wait: u32) -> Answer {
        let body = serde_json::json!({ "intent": intent });
        let request = self
            .agent
            .post(format!("{}{path}", self.commands))
            .header("Prefer", format!("wait={wait}"));
        answer(request.send_json(body))
    }

    /// Sends a body as it is.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn post_raw(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let request = self
            .agent
            .post(format!("{}{path}", self.commands))
            .header("Content-Type", content_type);
        answer(request.send(body))
    }

    /// Reads.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        answer(self.agent.get(format!("{}{path}", self.reads)).call())
    }

    /// The position of the last event.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn head(&self) -> u64 {
        let answer = self.get("/v1/events?limit=1");
        answer.body["head_position"].as_u64().expect("a position")
    }
}

fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut response = result.expect("an answer");
    let content_type = response
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    Answer {
        status: response.status().as_u16(),
        content_type,
        body: response.body_mut().read_json().unwrap_or(Value::Null),
    }
}
