//! What requests bring: ids in the path, fields in the body, parameters.

use std::convert::Infallible;
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use countersign_event_store::{EventFilter, known_type};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::problem::{Code, Problem};

/// The largest body that is taken, in bytes.
pub(super) const MAX_BODY: usize = 64 * 1024;

/// How many values a filter may have of each kind.
const MAX_VALUES: usize = 100;

/// The fields of a JSON object that were not taken yet.
#[derive(Debug)]
pub(super) struct Fields {
    fields: Map<String, Value>,
    within: &'static str,
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|value| value.to_str().ok());
        let kind = kind.and_then(|text| text.split(';').next());
        // Also where the body may be empty: what a page of another site can send
        // without being asked is not JSON.
        if !kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
            let detail = "send Content-Type: application/json";
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        let body = Bytes::from_request(request, state).await.map_err(unread)?;
        if body.is_empty() {
            return Ok(Self::of(Map::new(), ""));
        }
        match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) => Ok(Self::of(fields, "")),
            _ => Err(Problem::new(
                Code::MalformedJson,
                "the body is no JSON object",
            )),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a map_err function")]
fn unread(rejection: BytesRejection) -> Problem {
    if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        let detail = format!("the body is larger than {MAX_BODY} bytes");
        Problem::new(Code::BodyTooLarge, detail)
    } else {
        Problem::new(Code::MalformedJson, "the body ended early")
    }
}

impl Fields {
    fn of(fields: Map<String, Value>, within: &'static str) -> Self {
        Self { fields, within }
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.within)
    }

    /// Takes a text.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        match self.fields.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Problem::invalid(&self.name(name), "must be a string")),
        }
    }

    /// Takes a text that must be there.
    pub(super) fn required_text(&mut self, name: &str) -> Result<String, Problem> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// Takes an id.
    pub(super) fn id(&mut self, name: &str) -> Result<Option<Uuid>, Problem> {
        let text = self.text(name)?;
        let id = text.map(|text| text.parse()).transpose();
        id.map_err(|_| Problem::invalid(&self.name(name), "must be a UUID"))
    }

    /// Takes a whole number.
    pub(super) fn number(
        &mut self,
        name: &str,
        min: u64,
        max: u64,
    ) -> Result<Option<u64>, Problem> {
        let Some(value) = self.fields.remove(name) else {
            return Ok(None);
        };
        let number = value.as_u64().filter(|it| (min..=max).contains(it));
        number.map(Some).ok_or_else(|| {
            let range = match max {
                u64::MAX => format!("must be a whole number, {min} or more"),
                max => format!("must be a whole number from {min} to {max}"),
            };
            Problem::invalid(name, range)
        })
    }

    /// Takes a whole number that must be there.
    pub(super) fn required_number(&mut self, name: &str, min: u64) -> Result<u64, Problem> {
        self.number(name, min, u64::MAX)?
            .ok_or_else(|| missing(name))
    }

    /// Takes a filter: `types`, `accounts`, `keys` and `sessions`.
    pub(super) fn filter(&mut self) -> Result<Option<EventFilter>, Problem> {
        let fields = match self.fields.remove("filter") {
            None => return Ok(None),
            Some(Value::Object(fields)) => fields,
            Some(_) => return Err(Problem::invalid("filter", "must be an object")),
        };
        let mut fields = Self::of(fields, "filter.");
        let mut types = vec![];
        for name in fields.texts("types")? {
            let known = known_type(&name);
            let known = known.map_err(|error| {
                let detail = format!("`filter.types`: {error}");
                Problem::new(Code::InvalidField, detail).field("filter.types")
            })?;
            types.push(known.to_owned());
        }
        let filter = EventFilter {
            types,
            accounts: fields.ids("accounts")?,
            keys: fields.ids("keys")?,
            sessions: fields.ids("sessions")?,
        };
        fields.nothing_else()?;
        Ok(Some(filter))
    }

    fn texts(&mut self, name: &str) -> Result<Vec<String>, Problem> {
        let full = self.name(name);
        let values = match self.fields.remove(name) {
            None => return Ok(vec![]),
            Some(Value::Array(values)) => values,
            Some(_) => return Err(Problem::invalid(&full, "must be a list of strings")),
        };
        if values.len() > MAX_VALUES {
            let detail = format!("has {} values, and {MAX_VALUES} are the most", values.len());
            return Err(Problem::invalid(&full, detail));
        }
        let texts = values.into_iter().map(|value| match value {
            Value::String(text) => Ok(text),
            _ => Err(Problem::invalid(&full, "must be a list of strings")),
        });
        texts.collect()
    }

    fn ids<T: FromStr>(&mut self, name: &str) -> Result<Vec<T>, Problem> {
        let full = self.name(name);
        let parse = |text: String| {
            text.parse()
                .map_err(|_| Problem::invalid(&full, "must be a list of UUIDs"))
        };
        self.texts(name)?.into_iter().map(parse).collect()
    }

    /// Refuses what was not taken.
    pub(super) fn nothing_else(self) -> Result<(), Problem> {
        match self.fields.keys().next() {
            None => Ok(()),
            Some(name) => {
                let name: String = self.name(name).chars().take(64).collect();
                let detail = format!("this endpoint has no field `{name}`");
                Err(Problem::new(Code::UnknownField, detail).field(&name))
            }
        }
    }
}

fn missing(name: &str) -> Problem {
    Problem::new(Code::MissingField, format!("`{name}` is missing")).field(name)
}

/// The parameters of a query that were not taken yet.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Pairs of strings take any query there is.
        let pairs = axum::extract::Query::try_from_uri(&parts.uri);
        Ok(Self(pairs.map(|query| query.0).unwrap_or_default()))
    }
}

impl Query {
    /// Takes a whole number.
    pub(super) fn number(
        &mut self,
        name: &str,
        min: u64,
        max: u64,
    ) -> Result<Option<u64>, Problem> {
        let Some(place) = self.0.iter().position(|(given, _)| given == name) else {
            return Ok(None);
        };
        let (_, text) = self.0.remove(place);
        let number = text.parse().ok().filter(|it| (min..=max).contains(it));
        number.map(Some).ok_or_else(|| {
            let detail = format!("`{name}` must be a whole number from {min} to {max}");
            Problem::new(Code::InvalidParameter, detail).field(name)
        })
    }

    /// Refuses what was not taken.
    pub(super) fn nothing_else(self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                let name: String = name.chars().take(64).collect();
                let detail = format!("this endpoint has no parameter `{name}`");
                Err(Problem::new(Code::UnknownParameter, detail).field(&name))
            }
        }
    }
}

/// The `{id}` of a route.
#[derive(Debug, Clone, Copy)]
pub(super) struct Id(pub(super) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let id = text.ok().and_then(|Path(text)| text.parse().ok());
        id.map(Self)
            .ok_or_else(|| Problem::new(Code::InvalidId, "the id must be a UUID").field("id"))
    }
}

/// The `{id}` and the `{position}` of a route.
#[derive(Debug, Clone, Copy)]
pub(super) struct IdAndPosition(pub(super) Uuid, pub(super) u64);

impl<S: Send + Sync> FromRequestParts<S> for IdAndPosition {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let texts = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((id, position)) = texts
            .map_err(|_| Problem::new(Code::InvalidId, "the id must be a UUID").field("id"))?;
        let id = id
            .parse()
            .map_err(|_| Problem::new(Code::InvalidId, "the id must be a UUID").field("id"))?;
        let position = position.parse().map_err(|_| {
            let detail = "the position must be a whole number";
            Problem::new(Code::InvalidId, detail).field("position")
        })?;
        Ok(Self(id, position))
    }
}
