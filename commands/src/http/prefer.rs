//! `Prefer: wait=N` (RFC 7240).

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
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

    fn of(headers: &HeaderMap) -> Self {
        let texts = headers.get_all("prefer").iter();
        let preferences = texts
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| split(text, ','));
        // The first of a name counts (section 2), whether it makes sense or not.
        let value = preferences
            .filter_map(|preference| split(preference, ';').into_iter().next())
            .map(|preference| preference.split_once('=').unwrap_or((preference, "")))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
            .map(|(_, value)| value.trim());
        Self(value.and_then(seconds))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Wait {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.headers))
    }
}

/// Digits, perhaps quoted. However many there are, it is a long time.
fn seconds(value: &str) -> Option<u64> {
    let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    let digits = quoted.unwrap_or(value);
    let legal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    legal.then(|| digits.parse().map_or(MAX_WAIT, |n: u64| n.min(MAX_WAIT)))
}

/// The parts between separators that stand in no quoted string.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped, mut start) = (false, false, 0);
    let mut parts = vec![];
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == separator && !quoted => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(values: &[&str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("prefer", value.parse().expect("a header"));
        }
        Wait::of(&headers).0
    }

    #[test]
    fn a_wait_is_found_among_other_preferences() {
        assert_eq!(wait(&["wait=10"]), Some(10));
        assert_eq!(wait(&["respond-async, Wait = 10 ; foo=bar"]), Some(10));
        assert_eq!(wait(&["respond-async", "wait=\"10\""]), Some(10));
        assert_eq!(wait(&["wait=0"]), Some(0));
    }

    #[test]
    fn of_two_waits_the_first_counts() {
        assert_eq!(wait(&["wait=10, wait=20"]), Some(10));
        assert_eq!(wait(&["wait=10", "wait=20"]), Some(10));
        assert_eq!(wait(&["wait=soon, wait=20"]), None);
        assert_eq!(wait(&["wait, wait=20"]), None);
    }

    #[test]
    fn a_longer_wait_than_allowed_is_cut() {
        assert_eq!(wait(&["wait=301"]), Some(300));
        assert_eq!(wait(&["wait=99999999999999999999999"]), Some(300));
    }

    #[test]
    fn what_is_no_number_of_seconds_is_ignored() {
        for value in [
            "wait=", "wait=-1", "wait=+1", "wait=1.5", "wait=ten", "await=1", "",
        ] {
            assert_eq!(wait(&[value]), None, "{value}");
        }
    }

    #[test]
    fn nothing_is_read_out_of_quoted_strings() {
        assert_eq!(wait(&[r#"foo="a, wait=5""#]), None);
        assert_eq!(wait(&[r#"foo="a\", wait=5""#]), None);
        assert_eq!(wait(&[r#"foo="a;b", wait=5"#]), Some(5));
    }
}
