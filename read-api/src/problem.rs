//! Everything that goes wrong, as RFC 9457 problem documents.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign_event_store::LogError;
use countersign_projections::StoreError;
use serde::Serialize;

/// What the `type` of every problem begins with.
pub const TYPE_BASE: &str = "https://countersign.dev/problems/";

/// What went wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A parameter is malformed or out of range; `field` names it.
    InvalidParameter,
    /// A parameter that this endpoint does not have; `field` names it.
    UnknownParameter,
    /// An id in the path is none.
    InvalidId,
    /// A position that no event has yet; `field` names the parameter.
    PositionBeyondHead,
    /// There is no such thing.
    NotFound,
    /// There is no such endpoint.
    UnknownRoute,
    /// This is read only.
    MethodNotAllowed,
    /// The read models are behind; the same request may succeed later.
    Lagging,
    /// The read models are being built.
    NotReady,
    /// There are as many event streams as there may be.
    TooManyStreams,
    /// The log or the read models cannot be read now.
    Unavailable,
    /// A fault of this program.
    Internal,
}

impl Code {
    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidParameter => "invalid_parameter",
            Self::UnknownParameter => "unknown_parameter",
            Self::InvalidId => "invalid_id",
            Self::PositionBeyondHead => "position_beyond_head",
            Self::NotFound => "not_found",
            Self::UnknownRoute => "unknown_route",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Lagging => "lagging",
            Self::NotReady => "not_ready",
            Self::TooManyStreams => "too_many_streams",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::InvalidParameter
            | Self::UnknownParameter
            | Self::InvalidId
            | Self::PositionBeyondHead => StatusCode::BAD_REQUEST,
            Self::NotFound | Self::UnknownRoute => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Lagging | Self::NotReady | Self::TooManyStreams | Self::Unavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::InvalidParameter => "A parameter is invalid",
            Self::UnknownParameter => "There is no such parameter",
            Self::InvalidId => "The id is invalid",
            Self::PositionBeyondHead => "No event has this position",
            Self::NotFound => "Not found",
            Self::UnknownRoute => "There is no such endpoint",
            Self::MethodNotAllowed => "This is read only",
            Self::Lagging => "The read models are behind",
            Self::NotReady => "Not ready",
            Self::TooManyStreams => "Too many event streams",
            Self::Unavailable => "Unavailable",
            Self::Internal => "Internal error",
        }
    }
}

/// A problem on its way out; the trace id is added last.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    code: Code,
    detail: String,
    field: Option<String>,
    retry_after: Option<u16>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    trace_id: &'a str,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            field: None,
            retry_after: None,
        }
    }

    /// A parameter with a value that cannot be.
    pub(crate) fn parameter(field: &str, detail: impl std::fmt::Display) -> Self {
        Self::new(Code::InvalidParameter, format!("`{field}` {detail}")).field(field)
    }

    pub(crate) fn field(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    pub(crate) fn retry_after(mut self, seconds: u16) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// What a page of the console tells of it.
    pub(crate) fn page<'a>(
        &'a self,
        trace_id: &'a str,
    ) -> countersign_console::problem::Problem<'a> {
        countersign_console::problem::Problem {
            status: self.code.status().as_u16(),
            title: self.code.title(),
            detail: &self.detail,
            code: self.code.as_str(),
            trace_id,
        }
    }

    /// When to try again, in seconds.
    pub(crate) fn try_again(&self) -> Option<u16> {
        self.retry_after
    }

    /// Writes the document into a response that carries this problem.
    pub(crate) fn render(&self, response: &mut Response, trace_id: &str) {
        let document = Document {
            r#type: format!("{TYPE_BASE}{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: self.code.as_str(),
            detail: &self.detail,
            field: self.field.as_deref(),
            trace_id,
        };
        let body = serde_json::to_vec(&document).expect("a flat struct of strings");
        *response.body_mut() = body.into();
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

impl From<LogError> for Problem {
    fn from(error: LogError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "the log failed");
        let detail = "the event log cannot be read now";
        Self::new(Code::Unavailable, detail).retry_after(1)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the read models failed"
        );
        let detail = "the read models cannot be read now";
        Self::new(Code::Unavailable, detail).retry_after(1)
    }
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        tracing::error!(%error, "an answer cannot be written");
        Self::new(Code::Internal, "the answer cannot be written")
    }
}
