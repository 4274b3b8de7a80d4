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
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
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
        self.try_post(path, intent, wait).expect("an answer")
    }

    /// The same of a server that may be gone.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn try_post(&self, path: &str, intent: &str, wait: u32) -> Result<Answer, ureq::Error> {
        let body = serde_json::json!({ "intent": intent });
        let request = self
            .agent
            .post(format!("{}{path}", self.commands))
            .header("Prefer", format!("wait={wait}"));
        request.send_json(body).map(answer)
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
        answer(request.send(body).expect("an answer"))
    }

    /// Reads.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        self.try_get(path).expect("an answer")
    }

    /// The same of a server that may be gone.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn try_get(&self, path: &str) -> Result<Answer, ureq::Error> {
        let url = format!("{}{path}", self.reads);
        self.agent.get(url).call().map(answer)
    }

    /// A page of the console.
    ///
    /// # Panics
    /// When it is not shown.
    #[must_use]
    pub fn page(&self, path: &str) -> String {
        let answer = self.agent.get(format!("{}{path}", self.reads)).call();
        let mut answer = answer.expect("an answer");
        let text = answer.body_mut().read_to_string().expect("text");
        assert_eq!(answer.status(), 200, "{path}: {text}");
        text
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

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let header = |name| {
        let value = response.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    Answer {
        status: response.status().as_u16(),
        content_type: header("content-type").unwrap_or_default(),
        retry_after: header("retry-after").and_then(|text| text.parse().ok()),
        body: response.body_mut().read_json().unwrap_or(Value::Null),
    }
}
