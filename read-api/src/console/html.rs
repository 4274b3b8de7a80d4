//! A page on its way out.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use countersign_console::Frame;

use crate::answer::POSITION;
use crate::api::ReadApi;

/// A page and the position that it shows at least.
#[derive(Debug)]
pub(super) struct Html {
    pub(super) position: u64,
    pub(super) text: String,
}

/// What every page tells of itself.
pub(super) fn frame(api: &ReadApi, position: u64) -> Frame {
    Frame {
        now: (api.clock)(),
        position,
    }
}

pub(super) const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

impl IntoResponse for Html {
    fn into_response(self) -> Response {
        let position = HeaderValue::from(self.position);
        let headers = [(header::CONTENT_TYPE, MEDIA_TYPE), (POSITION, position)];
        (headers, self.text).into_response()
    }
}
