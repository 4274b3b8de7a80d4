//! Everything that goes wrong, as RFC 9457 problem documents.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign_domain::account::AccountError;
use countersign_domain::intent::IntentError;
use countersign_domain::jws::JwsError;
use countersign_domain::key::KeyError;
use countersign_domain::session::SessionError;
use countersign_event_store::personal::EMAIL;
use serde_json::{Map, Value, json};

use crate::error::CommandError;

/// What the `type` of every problem begins with.
pub const TYPE_BASE: &str = "https://countersign.dev/problems/";

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident, $text:literal, $status:ident, $title:literal;)*) => {
        /// What went wrong, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub fn status(self) -> StatusCode {
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
    MalformedJson, "malformed_json", BAD_REQUEST, "The body is no JSON";
    /// `intent` is missing.
    MissingField, "missing_field", BAD_REQUEST, "A field is missing";
    /// A field that is not known.
    UnknownField, "unknown_field", BAD_REQUEST, "A field is unknown";
    /// A field of the wrong type.
    InvalidField, "invalid_field", BAD_REQUEST, "A field is invalid";
    /// An id in the path is none.
    InvalidId, "invalid_id", BAD_REQUEST, "The id is invalid";
    /// The body is too large.
    BodyTooLarge, "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// The body is not declared as JSON.
    UnsupportedMediaType, "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body must be JSON";
    /// The intent is malformed or a claim is wrong.
    IntentInvalid, "intent_invalid", UNPROCESSABLE_ENTITY, "The intent is invalid";
    /// The intent is not signed by the account's auth key.
    IntentSignature, "intent_signature", UNAUTHORIZED, "The intent's signature is refused";
    /// The intent is not valid now.
    IntentExpired, "intent_expired", UNAUTHORIZED, "The intent is not valid now";
    /// There is no such account, key or session.
    NotFound, "not_found", NOT_FOUND, "Not found";
    /// There is no such endpoint.
    UnknownRoute, "unknown_route", NOT_FOUND, "There is no such endpoint";
    /// The endpoint takes another method.
    MethodNotAllowed, "method_not_allowed", METHOD_NOT_ALLOWED, "The method is not allowed";
    /// The auth key has registered an account already.
    AccountExists, "account_exists", CONFLICT, "The account exists";
    /// The user name is another account's.
    UsernameTaken, "username_taken", CONFLICT, "The user name is taken";
    /// The email is another account's.
    EmailTaken, "email_taken", CONFLICT, "The email is taken";
    /// Its personal data stand in the log in clear.
    NotErasable, "not_erasable", CONFLICT, "The personal data cannot be erased";
    /// The `jti` names another request.
    JtiReused, "jti_reused", CONFLICT, "The jti names another request";
    /// Only an active account makes keys and signs.
    AccountNotActive, "account_not_active", FORBIDDEN, "The account is not active";
    /// Only an active key signs.
    KeyNotActive, "key_not_active", FORBIDDEN, "The key is not active";
    /// The intent was made for other shares.
    EpochStale, "epoch_stale", CONFLICT, "The epoch is not the present one";
    /// The status does not allow it.
    IllegalTransition, "illegal_transition", CONFLICT, "The status does not allow this";
    /// The parties that are left must not sign together.
    NoQuorum, "no_quorum", CONFLICT, "No parties may sign together";
    /// The session came to nothing.
    SessionFailed, "session_failed", BAD_GATEWAY, "The session failed";
    /// The session's deadline passed.
    SessionExpired, "session_expired", GATEWAY_TIMEOUT, "The session expired";
    /// The session was called off.
    SessionCancelled, "session_cancelled", CONFLICT, "The session was cancelled";
    /// Not now.
    Unavailable, "unavailable", SERVICE_UNAVAILABLE, "Unavailable";
    /// A defect.
    Internal, "internal", INTERNAL_SERVER_ERROR, "Internal error";
}

/// A problem on its way out; the trace id is added last.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    code: Code,
    detail: String,
    field: Option<String>,
    retry_after: Option<u16>,
    extra: Map<String, Value>,
}

impl Problem {
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            field: None,
            retry_after: None,
            extra: Map::new(),
        }
    }

    pub(super) fn field(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    pub(super) fn retry_after(mut self, seconds: u16) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.extra.insert(name.to_owned(), value);
        self
    }

    /// Writes the document into a response that carries this problem.
    pub(super) fn render(self, response: &mut Response, trace_id: &str) {
        let mut document = json!({
            "type": format!("{TYPE_BASE}{}", self.code.as_str()),
            "title": self.code.title(),
            "status": self.code.status().as_u16(),
            "code": self.code.as_str(),
            "detail": self.detail,
            "trace_id": trace_id,
        });
        if let Some(field) = self.field {
            document["field"] = field.into();
        }
        for (name, value) in self.extra {
            document[name] = value;
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

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let detail = error.to_string();
        let new = |code| Self::new(code, detail.clone());
        match &error {
            CommandError::Intent(intent) => {
                let code = match intent {
                    IntentError::Jws(JwsError::Signature) => Code::IntentSignature,
                    IntentError::Expired(_) | IntentError::NotYetValid(_) => Code::IntentExpired,
                    _ => Code::IntentInvalid,
                };
                new(code).field(intent.field())
            }
            CommandError::OtherAccount => new(Code::IntentInvalid).field("account"),
            CommandError::OtherRequest(claim) => new(Code::IntentInvalid).field(claim),
            CommandError::Account(error) => match error {
                AccountError::NotFound => new(Code::NotFound),
                AccountError::AlreadyRegistered => new(Code::AccountExists).field("auth_key"),
                AccountError::NotActive(_) => new(Code::AccountNotActive),
                AccountError::NotErasable => new(Code::NotErasable),
                AccountError::Transition { .. } | AccountError::AlreadyErased => {
                    new(Code::IllegalTransition)
                }
                AccountError::WrongKind(_) => new(Code::IntentInvalid).field("kind"),
            },
            CommandError::Key(error) => match error {
                KeyError::NotFound => new(Code::NotFound),
                KeyError::NotActive(_) => new(Code::KeyNotActive),
                KeyError::Epoch { .. } => new(Code::EpochStale).field("epoch"),
                KeyError::WrongIntent => new(Code::IntentInvalid).field("kind"),
                _ => new(Code::IllegalTransition),
            },
            CommandError::Session(error) => match error {
                SessionError::NotFound => new(Code::NotFound),
                SessionError::WrongIntent => new(Code::IntentInvalid).field("session"),
                _ => new(Code::IllegalTransition),
            },
            CommandError::Path(_) => new(Code::IntentInvalid).field("path"),
            CommandError::JtiReused => new(Code::JtiReused).field("jti"),
            CommandError::Taken(scope) if scope == EMAIL => new(Code::EmailTaken).field("email"),
            CommandError::Taken(_) => new(Code::UsernameTaken).field("username"),
            CommandError::RosterTooSmall { .. } => new(Code::IntentInvalid).field("parties"),
            CommandError::NoQuorum(_) => new(Code::NoQuorum),
            // Told of where it was found.
            CommandError::BusAway => new(Code::Unavailable).retry_after(2),
            CommandError::Contention | CommandError::Log(_) | CommandError::Bus(_) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a command must wait"
                );
                new(Code::Unavailable).retry_after(1)
            }
            CommandError::Decode(_) | CommandError::Internal(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a command failed");
                Self::new(Code::Internal, "this is a fault of the server")
            }
        }
    }
}
