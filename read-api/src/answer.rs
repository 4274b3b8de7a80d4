//! Answers: JSON, and the position that they show at least.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use countersign_projections::{Cursor, Page};
use serde::Serialize;

use crate::problem::Problem;

/// The header that tells up to which event the read models were.
pub(crate) const POSITION: HeaderName = HeaderName::from_static("countersign-position");

/// A JSON document and its position.
#[derive(Debug)]
pub(crate) struct Answer {
    position: u64,
    body: Vec<u8>,
}

/// Part of a list.
#[derive(Serialize)]
struct List<T> {
    items: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    position: u64,
}

impl Answer {
    pub(crate) fn new(position: u64, body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(body)?;
        Ok(Self { position, body })
    }

    /// A whole list.
    pub(crate) fn all<T: Serialize>(position: u64, items: Vec<T>) -> Result<Self, Problem> {
        let list = List {
            items,
            next_cursor: None,
            position,
        };
        Self::new(position, &list)
    }

    /// Part of a list that has gone its way already.
    pub(crate) fn part<T: Serialize>(
        position: u64,
        items: Vec<T>,
        next: Option<Cursor>,
    ) -> Result<Self, Problem> {
        let list = List {
            items,
            next_cursor: next.map(|cursor| cursor.to_string()),
            position,
        };
        Self::new(position, &list)
    }

    /// Part of a list: of each row what `view` picks.
    pub(crate) fn page<'a, R, V: Serialize>(
        position: u64,
        page: &'a Page<R>,
        view: impl Fn(&'a R) -> V,
    ) -> Result<Self, Problem> {
        let items = page.items.iter().map(|row| view(row)).collect();
        Self::part(position, items, page.next)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        let position = HeaderValue::from(self.position);
        let headers = [(header::CONTENT_TYPE, json), (POSITION, position)];
        (headers, self.body).into_response()
    }
}
