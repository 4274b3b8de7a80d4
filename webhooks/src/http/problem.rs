//! Everything that goes wrong, as RFC 9457 problem documents.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::service::WebhookError;

/// What the `type` of every problem begins with.
const TYPE_BASE: &str = "https://countersign.dev/problems/";

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident, $code:literal, $status:ident, $title:literal;)*) => {
        /// What went wrong, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    /// The body is no JSON object.
    MalformedJson, "malformed_json", BAD_REQUEST, "The body is no JSON object";
    /// The body is not declared as JSON.
    UnsupportedMediaType, "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "Send JSON";
    /// The body is too large.
    BodyTooLarge, "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// A field is missing; `field` names it.
    MissingField, "missing_field", BAD_REQUEST, "A field is missing";
    /// A field that this endpoint does not have; `field` names it.
    UnknownField, "unknown_field", BAD_REQUEST, "There is no such field";
    /// A field is wrong; `field` names it.
    InvalidField, "invalid_field", BAD_REQUEST, "A field is invalid";
    /// A parameter is wrong; `field` names it.
    InvalidParameter, "invalid_parameter", BAD_REQUEST, "A parameter is invalid";
    /// A parameter that this endpoint does not have; `field` names it.
    UnknownParameter, "unknown_parameter", BAD_REQUEST, "There is no such parameter";
    /// An id in the path is none.
    InvalidId, "invalid_id", BAD_REQUEST, "The id is invalid";
    /// A position that no event has yet.
    PositionBeyondHead, "position_beyond_head", BAD_REQUEST, "No event has this position";
    /// The URL may not be used.
    UrlRefused, "url_refused", UNPROCESSABLE_ENTITY, "The URL is refused";
    /// There is another one with this id.
    WebhookIdTaken, "webhook_id_taken", CONFLICT, "The id is taken";
    /// There are as many as there may be.
    TooManyWebhooks, "too_many_webhooks", CONFLICT, "Too many webhooks";
    /// There is no such thing.
    NotFound, "not_found", NOT_FOUND, "Not found";
    /// There is no such endpoint.
    UnknownRoute, "unknown_route", NOT_FOUND, "There is no such endpoint";
    /// Not by this method.
    MethodNotAllowed, "method_not_allowed", METHOD_NOT_ALLOWED, "The method is not allowed";
    /// Not now.
    Unavailable, "unavailable", SERVICE_UNAVAILABLE, "Unavailable";
    /// A fault of this program.
    Internal, "internal", INTERNAL_SERVER_ERROR, "Internal error";
}

/// A problem on its way out; the trace id is added last.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    code: Code,
    detail: String,
    field: Option<String>,
    retry_after: Option<u16>,
}

impl Problem {
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            field: None,
            retry_after: None,
        }
    }

    /// A field with a value that cannot be.
    pub(super) fn invalid(field: &str, detail: impl std::fmt::Display) -> Self {
        Self::new(Code::InvalidField, format!("`{field}` {detail}")).field(field)
    }

    pub(super) fn field(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    pub(super) fn retry_after(mut self, seconds: u16) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Writes the document into a response that carries this problem.
    pub(super) fn render(&self, response: &mut Response, trace_id: &str) {
        let mut document = json!({
            "type": format!("{TYPE_BASE}{}", self.code.as_str()),
            "title": self.code.title(),
            "status": self.code.status().as_u16(),
            "code": self.code.as_str(),
            "detail": self.detail,
            "trace_id": trace_id,
        });
        if let Some(field) = &self.field {
            document["field"] = field.as_str().into();
        }
        *response.body_mut() = document.to_string().into();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        let detail = error.to_string();
        match &error {
            WebhookError::NotFound => Self::new(Code::NotFound, detail),
            WebhookError::NoDeadLetter(_) => Self::new(Code::NotFound, detail).field("position"),
            WebhookError::Url(_) => Self::new(Code::UrlRefused, detail).field("url"),
            WebhookError::BeyondHead { .. } => {
                Self::new(Code::PositionBeyondHead, detail).field("from")
            }
            WebhookError::Taken(_) => Self::new(Code::WebhookIdTaken, detail).field("webhook_id"),
            WebhookError::TooMany(_) => Self::new(Code::TooManyWebhooks, detail),
            WebhookError::Store(_) | WebhookError::Log(_) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "webhooks cannot be managed");
                let detail = "the event log or the store of webhooks cannot be used now";
                Self::new(Code::Unavailable, detail).retry_after(1)
            }
            WebhookError::Secret(_) | WebhookError::Internal(_) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "a webhook cannot be managed");
                // What to do about a key that does not fit is the caller's to know.
                Self::new(Code::Internal, detail)
            }
        }
    }
}
