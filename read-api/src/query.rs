//! Parameters: each is taken by name, and what is left over is refused.

mod path;
mod values;

use std::convert::Infallible;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use countersign_projections::{Collection, Cursor};

use crate::as_of::AS_OF;
use crate::problem::{Code, Problem};

pub(crate) use path::Id;
pub(crate) use values::{ACCOUNT_STATUSES, KEY_STATUSES, SESSION_KINDS, SESSION_STATUSES};

/// The most rows of a list in one answer, and as many as there are by default.
pub(crate) const MAX_LIMIT: usize = 100;

/// The parameters of a query that were not taken yet.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slice {
    pub(crate) cursor: Option<Cursor>,
    pub(crate) limit: usize,
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Pairs of strings take any query there is.
        let pairs = axum::extract::Query::try_from_uri(&parts.uri);
        Ok(Self(pairs.map(|query| query.0).unwrap_or_default()))
    }
}

impl Query {
    /// The parameters that have a value: a form sends those that nobody filled in too.
    pub(crate) fn filled(mut self) -> Self {
        self.0.retain(|(_, value)| !value.is_empty());
        self
    }

    /// Takes a parameter as text.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let Some(place) = self.0.iter().position(|(given, _)| given == name) else {
            return Ok(None);
        };
        let (_, value) = self.0.remove(place);
        if self.0.iter().any(|(given, _)| given == name) {
            return Err(Problem::parameter(name, "is given twice"));
        }
        if value.is_empty() {
            return Err(Problem::parameter(name, "is empty"));
        }
        Ok(Some(value))
    }

    /// Takes a parameter that may be given again and again, up to `max` times.
    pub(crate) fn texts(&mut self, name: &str, max: usize) -> Result<Vec<String>, Problem> {
        let (taken, left) = self.0.drain(..).partition(|(given, _)| given == name);
        self.0 = left;
        let values: Vec<(String, String)> = taken;
        if values.len() > max {
            let detail = format!("is given {} times, and {max} are the most", values.len());
            return Err(Problem::parameter(name, detail));
        }
        if values.iter().any(|(_, value)| value.is_empty()) {
            return Err(Problem::parameter(name, "is empty"));
        }
        Ok(values.into_iter().map(|(_, value)| value).collect())
    }

    /// Takes ids of a parameter that may be given again and again, up to `max` times.
    pub(crate) fn ids<T: FromStr>(&mut self, name: &str, max: usize) -> Result<Vec<T>, Problem> {
        let parse = |text: String| {
            text.parse()
                .map_err(|_| Problem::parameter(name, "must be a UUID"))
        };
        self.texts(name, max)?.into_iter().map(parse).collect()
    }

    /// Takes an id.
    pub(crate) fn id<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        let parse = |text: String| {
            text.parse()
                .map_err(|_| Problem::parameter(name, "must be a UUID"))
        };
        self.text(name)?.map(parse).transpose()
    }

    /// Takes one of some values that are known by name.
    pub(crate) fn one_of<T: Copy + ToString>(
        &mut self,
        name: &str,
        values: &[T],
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let value = values.iter().find(|value| value.to_string() == text);
        value.copied().map(Some).ok_or_else(|| {
            let names: Vec<_> = values.iter().map(ToString::to_string).collect();
            Problem::parameter(name, format!("must be one of {}", names.join(", ")))
        })
    }

    /// Takes a whole number in a range.
    pub(crate) fn number(
        &mut self,
        name: &str,
        min: u64,
        max: u64,
    ) -> Result<Option<u64>, Problem> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        match number {
            Some(number) if (min..=max).contains(&number) => Ok(Some(number)),
            _ if max == u64::MAX => Err(Problem::parameter(
                name,
                "must be a whole number of 64 bits",
            )),
            _ => Err(Problem::parameter(
                name,
                format!("must be a whole number from {min} to {max}"),
            )),
        }
    }

    /// Takes `limit`.
    pub(crate) fn limit(&mut self, max: usize) -> Result<usize, Problem> {
        let limit = self.number("limit", 1, max as u64)?;
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        Ok(limit.unwrap_or(MAX_LIMIT))
    }

    /// Takes `cursor` and `limit`.
    pub(crate) fn slice(&mut self, collection: Collection) -> Result<Slice, Problem> {
        let cursor = match self.text("cursor")? {
            None => None,
            Some(text) => match text.parse::<Cursor>() {
                Ok(cursor) if cursor.collection == collection => Some(cursor),
                _ => {
                    let detail = "must be the `next_cursor` of an answer of this list";
                    return Err(Problem::parameter("cursor", detail));
                }
            },
        };
        Ok(Slice {
            cursor,
            limit: self.limit(MAX_LIMIT)?,
        })
    }

    /// Takes `min_position`, the last of the parameters: any other is unknown.
    pub(crate) fn finish(mut self) -> Result<Option<u64>, Problem> {
        let min_position = self.number("min_position", 0, u64::MAX)?;
        self.nothing_else()?;
        Ok(min_position)
    }

    /// Refuses what was not taken.
    pub(crate) fn nothing_else(self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                let name: String = name.chars().take(64).collect();
                let mut detail = format!("this endpoint has no parameter `{name}`");
                if name == AS_OF {
                    detail.push_str(
                        ": what was is shown of accounts, keys and sessions, as in \
                         /v1/keys?as_of=17",
                    );
                }
                Err(Problem::new(Code::UnknownParameter, detail).field(&name))
            }
        }
    }
}
