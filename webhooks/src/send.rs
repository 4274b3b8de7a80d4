//! Sends messages: one POST on a connection to an address that was checked.
//!
//! No proxy, no redirect, no cookie; a body is read up to a bound, and thrown away.

mod authorities;
mod dial;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_domain::Timestamp;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{HeaderMap, Request, StatusCode};
use rustls::RootCertStore;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use crate::policy::{Policy, Target, UrlRefused};
use crate::resolve::{self, Resolve, SystemResolver};

pub use authorities::{BadAuthorities, authorities};

/// How much of an answer is read, so that its connection can be used again.
const MAX_BODY: usize = 64 * 1024;

/// How long a connection that is not used is kept.
const IDLE: Duration = Duration::from_secs(10);

/// How messages are sent.
#[derive(Clone, Debug)]
pub struct SendSettings {
    /// Where they may go.
    pub policy: Policy,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long it may take all in all.
    pub timeout: Duration,
    /// What names mean.
    pub resolver: Arc<dyn Resolve>,
    /// Authorities besides the public ones that certificates may come from.
    pub roots: RootCertStore,
}

impl Default for SendSettings {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(15),
            resolver: Arc::new(SystemResolver),
            roots: RootCertStore::empty(),
        }
    }
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) timestamp: Timestamp,
    pub(crate) signatures: String,
    pub(crate) body: Bytes,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The receiver took it.
    Delivered(StatusCode),
    /// The receiver wants no more.
    Gone,
    /// It did not.
    Failed {
        status: Option<StatusCode>,
        detail: String,
        retry_after: Option<Duration>,
    },
}

/// Sends messages.
pub(crate) struct Sender {
    settings: SendSettings,
    tls: TlsConnector,
}

/// A connection that may be used again.
#[derive(Default)]
pub(crate) struct Link(Option<Open>);

struct Open {
    origin: (String, u16, bool),
    used: Instant,
    requests: SendRequest<Full<Bytes>>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl Sender {
    pub(crate) fn new(settings: SendSettings) -> Self {
        let tls = dial::tls(&settings.roots);
        Self { settings, tls }
    }

    /// Checks a URL as far as can be done now: its host has addresses, and none that
    /// points inside.
    pub(crate) async fn check(&self, url: &str) -> Result<Target, UrlRefused> {
        let settings = &self.settings;
        let target = settings.policy.target(url)?;
        let found = timeout(
            settings.connect_timeout,
            resolve::addresses(&*settings.resolver, &target),
        );
        let found = found.await.unwrap_or_else(|_| {
            Err(UrlRefused::NoAddress {
                host: target.host.to_string(),
                detail: "no answer in time".to_owned(),
            })
        })?;
        let localhost = found.iter().all(std::net::IpAddr::is_loopback);
        let mut refused = None;
        let mut permitted = false;
        for address in found {
            match settings.policy.permits(address) {
                Ok(()) => permitted = true,
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            // This machine has two addresses, and one of them may be allowed.
            Some(_) if localhost && permitted => Ok(target),
            Some(error) => Err(error),
            None => Ok(target),
        }
    }

    /// Sends a message. It takes no longer than the settings allow.
    pub(crate) async fn send(&self, link: &mut Link, url: &str, message: &Message) -> Outcome {
        let limit = self.settings.timeout;
        match timeout(limit, self.attempt(link, url, message)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                link.0 = None;
                failed(format!("no answer in {} s", limit.as_secs_f32()))
            }
        }
    }

    async fn attempt(&self, link: &mut Link, url: &str, message: &Message) -> Outcome {
        // The settings may be stricter than when the URL was given.
        let target = match self.settings.policy.target(url) {
            Ok(target) => target,
            Err(error) => return failed(format!("the URL {error}")),
        };
        let request = match request(&target, message) {
            Ok(request) => request,
            Err(error) => return failed(error),
        };
        let reused = link.take(&target);
        let fresh = reused.is_none();
        let requests = match reused {
            Some(requests) => requests,
            None => match self.dial(&target).await {
                Ok(requests) => requests,
                Err(error) => return failed(error),
            },
        };
        match exchange(link, &target, requests, request.clone()).await {
            // The receiver had closed a connection that was kept, before it had
            // anything of the message: that is no failure.
            Err(error) if !fresh && (error.is_canceled() || error.is_closed()) => {
                let requests = match self.dial(&target).await {
                    Ok(requests) => requests,
                    Err(error) => return failed(error),
                };
                let again = exchange(link, &target, requests, request).await;
                again.unwrap_or_else(|error| failed(said(&error)))
            }
            outcome => outcome.unwrap_or_else(|error| failed(said(&error))),
        }
    }

    async fn dial(&self, target: &Target) -> Result<SendRequest<Full<Bytes>>, String> {
        let limit = self.settings.connect_timeout;
        let dialled = dial::dial(&self.settings, &self.tls, target);
        match timeout(limit, dialled).await {
            Ok(dialled) => dialled,
            Err(_) => Err(format!("no connection in {} s", limit.as_secs_f32())),
        }
    }
}

impl Link {
    fn take(&mut self, target: &Target) -> Option<SendRequest<Full<Bytes>>> {
        let open = self.0.take()?;
        let usable =
            open.origin == origin(target) && open.used.elapsed() < IDLE && open.requests.is_ready();
        usable.then_some(open.requests)
    }
}

fn origin(target: &Target) -> (String, u16, bool) {
    (target.host.to_string(), target.port, target.tls)
}

fn request(target: &Target, message: &Message) -> Result<Request<Full<Bytes>>, String> {
    Request::post(target.path())
        .header(HOST, target.authority())
        .header(CONTENT_TYPE, "application/json")
        .header(
            USER_AGENT,
            concat!("countersign/", env!("CARGO_PKG_VERSION")),
        )
        .header("webhook-id", &message.id)
        .header(
            "webhook-timestamp",
            message.timestamp.timestamp().to_string(),
        )
        .header("webhook-signature", &message.signatures)
        .body(Full::new(message.body.clone()))
        .map_err(|error| format!("the request cannot be made: {error}"))
}

async fn exchange(
    link: &mut Link,
    target: &Target,
    mut requests: SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> hyper::Result<Outcome> {
    requests.ready().await?;
    let response = requests.send_request(request).await?;
    let (head, mut body) = response.into_parts();
    let mut read = 0;
    let mut whole = true;
    while let Some(frame) = body.frame().await {
        // The status has come, and that is what counts.
        let Ok(frame) = frame else {
            whole = false;
            break;
        };
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > MAX_BODY {
            whole = false;
            break;
        }
    }
    if whole {
        link.0 = Some(Open {
            origin: origin(target),
            used: Instant::now(),
            requests,
        });
    }
    Ok(judge(head.status, &head.headers))
}

/// What an answer means.
fn judge(status: StatusCode, headers: &HeaderMap) -> Outcome {
    if status.is_success() {
        return Outcome::Delivered(status);
    }
    if status == StatusCode::GONE {
        return Outcome::Gone;
    }
    let detail = match status.is_redirection() {
        true => format!("the receiver answered {status}, and redirects are not followed"),
        false => format!("the receiver answered {status}"),
    };
    Outcome::Failed {
        status: Some(status),
        detail,
        retry_after: retry_after(headers),
    }
}

/// The seconds of `Retry-After`, or those until its date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    let now = std::time::SystemTime::now();
    std::time::SystemTime::from(date).duration_since(now).ok()
}

fn failed(detail: impl Into<String>) -> Outcome {
    Outcome::Failed {
        status: None,
        detail: detail.into(),
        retry_after: None,
    }
}

fn said(error: &hyper::Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!(
        "the connection failed: {error}{}",
        cause.unwrap_or_default()
    )
}
