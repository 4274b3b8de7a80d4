//! `Prefer: wait=N` (RFC 7240).

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// The longest wait that is honoured, in seconds.
const MAX_WAIT: u64 = 300;

/// How many seconds the client is willing to wait; none when it said nothing, or
/// nothing that can be understood, which the RFC says to ignore.
pub(super) struct Wait(pub(super) Option<u64>);

impl Wait {
    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(self.0.unwrap_or(0))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Wait {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let preferences = parts
            .headers
            .get_all("prefer")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(','));
        let wait = preferences
            .filter_map(|preference| preference.trim().split(';').next())
            .filter_map(|preference| preference.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
            .and_then(|(_, value)| value.trim().trim_matches('"').parse::<u64>().ok());
        Ok(Self(wait.map(|seconds| seconds.min(MAX_WAIT))))
    }
}
