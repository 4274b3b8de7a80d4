//! Addresses of pages.

use std::fmt::Display;

use form_urlencoded::Serializer;

pub(crate) const OVERVIEW: &str = "/console/";
pub(crate) const SESSIONS: &str = "/console/sessions";
pub(crate) const KEYS: &str = "/console/keys";
pub(crate) const ACCOUNTS: &str = "/console/accounts";
pub(crate) const PARTIES: &str = "/console/parties";
pub(crate) const EVENTS: &str = "/console/events";
pub(crate) const AUDIT: &str = "/console/audit";

pub(crate) fn of(folder: &str, id: impl Display) -> String {
    format!("{folder}/{id}")
}

/// The page with those of the parameters that have a value.
pub(crate) fn with(page: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    let query = query.finish();
    if query.is_empty() {
        page.to_owned()
    } else {
        format!("{page}?{query}")
    }
}

/// The page of the aggregate that a stream is of, when it has one.
pub(crate) fn of_stream(aggregate_type: &str, id: &str) -> Option<String> {
    // What the log has is no reason to link to anything else than an id.
    let plain = |c: char| c.is_ascii_hexdigit() || c == '-';
    if id.is_empty() || !id.chars().all(plain) {
        return None;
    }
    match aggregate_type {
        "account" => Some(of(ACCOUNTS, id)),
        "key" => Some(of(KEYS, id)),
        "session" => Some(of(SESSIONS, id)),
        _ => None,
    }
}
