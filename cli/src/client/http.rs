//! HTTP with problem documents turned into failures.

use std::io::Read;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::args::ServerArgs;
use crate::failure::{Failure, Kind, Outcome};

/// The largest answer that is read, in bytes.
const MAX_ANSWER: u64 = 64 * 1024 * 1024;

/// How long an event stream may be silent; servers tell that they live more often.
const SILENCE: Duration = Duration::from_secs(60);

/// A server: where commands go and where reads come from.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    commands: String,
    reads: String,
    agent: Agent,
}

impl Server {
    pub(crate) fn new(args: &ServerArgs) -> Self {
        Self::at(&args.url, &args.read_url)
    }

    pub(crate) fn at(commands: &str, reads: &str) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            // Waiting requests take up to 300 s by themselves.
            .timeout_global(Some(Duration::from_secs(330)))
            .build()
            .new_agent();
        Self {
            commands: commands.trim_end_matches('/').to_owned(),
            reads: reads.trim_end_matches('/').to_owned(),
            agent,
        }
    }

    /// Sends an intent; `wait` in seconds asks to hold the answer until the
    /// session ends.
    pub(crate) fn command(&self, path: &str, intent: &str, wait: u32) -> Outcome<Value> {
        let url = format!("{}{path}", self.commands);
        let mut request = self.agent.post(&url);
        if wait > 0 {
            request = request.header("Prefer", format!("wait={wait}"));
        }
        answer(&url, request.send_json(json!({ "intent": intent })))
    }

    /// Reads.
    pub(crate) fn get(&self, path: &str) -> Outcome<Value> {
        let url = format!("{}{path}", self.reads);
        answer(&url, self.agent.get(&url).call())
    }

    /// Sends JSON to the command endpoints, or whatever listens at the first URL.
    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> Outcome<Value> {
        let url = format!("{}{path}", self.commands);
        let request = match method {
            "PATCH" => self.agent.patch(&url),
            _ => self.agent.post(&url),
        };
        answer(&url, request.send_json(body))
    }

    /// Deletes what is at a path of the first URL.
    pub(crate) fn delete(&self, path: &str) -> Outcome {
        let url = format!("{}{path}", self.commands);
        match self.agent.delete(&url).call() {
            Ok(response) if response.status() == 204 => Ok(()),
            other => answer(&url, other).map(drop),
        }
    }

    /// Opens an event stream, after the last event that was received.
    pub(crate) fn stream(&self, path: &str, last: Option<u64>) -> Outcome<impl Read + use<>> {
        let url = format!("{}{path}", self.reads);
        let request = self.agent.get(&url).config();
        let request = request.timeout_global(None).timeout_per_read(Some(SILENCE));
        let mut request = request.build().header("Accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last.to_string());
        }
        let response = request.call().map_err(|error| unreachable(&url, &error))?;
        let kind = response.headers().get("content-type");
        if response.status().is_success() && kind.is_some_and(|kind| kind == "text/event-stream") {
            return Ok(response.into_body().into_reader());
        }
        answer(&url, Ok(response))?;
        let said = format!("{url} answered, but not with an event stream: check the URL");
        Err(Failure::new(Kind::Unavailable, said))
    }
}

fn answer(url: &str, result: Result<Response<Body>, ureq::Error>) -> Outcome<Value> {
    let mut response = result.map_err(|error| unreachable(url, &error))?;
    let status = response.status();
    let text = response
        .body_mut()
        .with_config()
        .limit(MAX_ANSWER)
        .read_to_string()
        .map_err(|error| unreachable(url, &error))?;
    let body: Option<Value> = serde_json::from_str(&text).ok();
    match body {
        Some(body) if status.is_success() => Ok(body),
        Some(problem) if problem["code"].is_string() => Err(refused(problem, status.as_u16())),
        _ => Err(Failure::new(
            Kind::Unavailable,
            format!("{url} answered {status}, but not as a Countersign server does: check the URL"),
        )),
    }
}

fn unreachable(url: &str, error: &ureq::Error) -> Failure {
    let message = format!(
        "no answer from {url} ({error}): is the server up? `countersign dev` starts one, \
         --url and --read-url name another"
    );
    Failure::new(Kind::Unavailable, message)
}

fn refused(problem: Value, status: u16) -> Failure {
    let code = problem["code"].as_str().unwrap_or_default();
    let kind = match (code, status) {
        ("session_failed" | "session_expired" | "session_cancelled", _) => Kind::Session,
        (_, 400..=499) => Kind::Refused,
        (_, 502..=504) => Kind::Unavailable,
        _ => Kind::Internal,
    };
    let detail = problem["detail"]
        .as_str()
        .or(problem["title"].as_str())
        .unwrap_or(code);
    let message = match problem["field"].as_str() {
        Some(field) if !detail.contains(field) => format!("{field}: {detail} ({code})"),
        _ => format!("{detail} ({code})"),
    };
    Failure {
        kind,
        message,
        problem: Some(problem),
    }
}
