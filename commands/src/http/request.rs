//! What requests bring: an id in the path, and an intent in the body.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde_json::Value;

use super::problem::{Code, Problem};
use super::trace::Trace;

/// The largest body that is taken, in bytes.
pub(super) const MAX_BODY: usize = 256 * 1024;

/// The body `{"intent": "<JWS>"}`, and the trace of the request.
pub(super) struct IntentBody {
    pub(super) token: String,
    pub(super) trace: Trace,
}

impl<S: Send + Sync> FromRequest<S> for IntentBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let json = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(|text| {
                text.split(';')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_ascii_lowercase()
            })
            .is_some_and(|kind| kind == "application/json" || kind.ends_with("+json"));
        if !json {
            let detail = "send Content-Type: application/json";
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        let trace = request
            .extensions()
            .get::<Trace>()
            .cloned()
            .ok_or_else(|| Problem::new(Code::Internal, "this is a fault of the server"))?;
        let body = Bytes::from_request(request, state).await.map_err(unread)?;
        Ok(Self {
            token: token(&body)?,
            trace,
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a map_err function")]
fn unread(rejection: BytesRejection) -> Problem {
    if rejection.status() == Code::BodyTooLarge.status() {
        let detail = format!("the body is larger than {MAX_BODY} bytes");
        Problem::new(Code::BodyTooLarge, detail)
    } else {
        Problem::new(Code::MalformedJson, "the body ended early")
    }
}

fn token(body: &[u8]) -> Result<String, Problem> {
    let shape = "send {\"intent\": \"<JWS>\"}";
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else {
        let detail = format!("the body is no JSON object: {shape}");
        return Err(Problem::new(Code::MalformedJson, detail));
    };
    let token = match fields.remove("intent") {
        Some(Value::String(token)) => token,
        Some(_) => {
            let detail = format!("`intent` is no string: {shape}");
            return Err(Problem::new(Code::InvalidField, detail).field("intent"));
        }
        None => {
            let detail = format!("`intent` is missing: {shape}");
            return Err(Problem::new(Code::MissingField, detail).field("intent"));
        }
    };
    match fields.keys().next() {
        None => Ok(token),
        Some(unknown) => {
            let name: String = unknown.chars().take(64).collect();
            let detail = format!("`{name}` is not known: {shape}");
            Err(Problem::new(Code::UnknownField, detail).field(&name))
        }
    }
}

/// An id in the path.
pub(super) struct Id<T>(pub(super) T);

impl<T: FromStr + Send, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let invalid = || Problem::new(Code::InvalidId, "the id in the path is no UUID").field("id");
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| invalid())?;
        text.parse().map(Self).map_err(|_| invalid())
    }
}
