//! `GET /console/assets/{name}`

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use countersign_console::assets;

use crate::problem::{Code, Problem};

/// A file beside the pages. Its name changes with what it holds.
pub(super) async fn one(Path(name): Path<String>) -> Result<Response, Problem> {
    let asset = assets::find(&name).ok_or_else(|| {
        let detail = format!("there is no file `{name}` of the console");
        Problem::new(Code::NotFound, detail)
    })?;
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static(asset.media_type),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ),
    ];
    Ok((headers, asset.bytes).into_response())
}
